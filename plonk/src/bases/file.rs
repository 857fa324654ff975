//! Tables as bytes, to be kept between processes.
//!
//! A header of eight 64-bit words, little-endian: magic, version, rows, bits of a window, stride, and how many points
//! each of the three tables holds, 0 for none. Then the points, x and y as the library keeps them in memory, 32 bytes
//! each. A file is trusted: whoever reads it checks its digest first.

use std::{
    io::{self, Read, Write},
    sync::Arc,
};

use halo2_proofs::halo2curves::{
    bn256::{Fq, G1Affine},
    serde::SerdeObject,
};
use rayon::prelude::*;

use super::{Bases, Points as SetupPoints, base_lists};
use crate::{
    arithmetic::{Backend, Point, Points},
    memory::Settings,
    msm::{Table, Windows, Workspaces, affine},
};

const MAGIC: u64 = u64::from_le_bytes(*b"lemmatab");
const VERSION: u64 = 1;
const WORDS: usize = 8;
const POINT_BYTES: usize = 64;

/// Points that are converted at once.
const CHUNK: usize = 1 << 12;

fn malformed(reason: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason.into())
}

impl<B: Backend> Bases<B> {
    fn tables(&self) -> [Option<&Table<B>>; 3] {
        [Some(&self.lagrange), self.prefix.as_ref(), Some(&self.coefficients)]
    }

    /// Bytes of all tables with their header.
    pub(crate) fn written_len(&self) -> u64 {
        let points: usize = self.tables().into_iter().flatten().map(|table| table.points().len()).sum();
        (8 * WORDS + POINT_BYTES * points) as u64
    }

    /// Writes all tables.
    pub(crate) fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        let tables = self.tables();
        let Windows { bits, stride } = self.lagrange.windows();
        let mut header = vec![MAGIC, VERSION, self.n as u64, u64::from(bits), stride as u64];
        header.extend(tables.iter().map(|table| table.map_or(0, |table| table.points().len() as u64)));
        for word in header {
            out.write_all(&word.to_le_bytes())?;
        }
        for table in tables.into_iter().flatten() {
            for points in table.points().chunks(CHUNK) {
                let bytes: Vec<u8> =
                    points.iter().flat_map(|point| affine::<B>(point).to_raw_bytes()).collect();
                out.write_all(&bytes)?;
            }
        }
        Ok(())
    }

    /// Reads tables of a setup's points.
    ///
    /// # Errors
    /// When the bytes end early, or are of other points or settings.
    pub(crate) fn read(
        backend: B,
        setup: &SetupPoints<'_>,
        settings: Settings,
        from: &mut dyn Read,
    ) -> io::Result<Self> {
        let (scheme, lists) = base_lists(setup, settings.prefix_table);
        let n = setup.n();
        let windows = settings.windows(n);
        let mut words = [0u64; WORDS];
        for word in &mut words {
            let mut bytes = [0; 8];
            from.read_exact(&mut bytes)?;
            *word = u64::from_le_bytes(bytes);
        }
        let mut expected = vec![MAGIC, VERSION, n as u64, u64::from(windows.bits), windows.stride as u64];
        expected
            .extend(lists.iter().map(|list| list.as_ref().map_or(0, |l| (l.len() * windows.kept()) as u64)));
        if words[..] != expected[..] {
            return Err(malformed(format!("tables with the header {words:?}, expected {expected:?}")));
        }
        let workspaces = Arc::new(Workspaces::default());
        let mut table = |list: &Option<Vec<G1Affine>>| -> io::Result<Option<Table<B>>> {
            let Some(bases) = list else { return Ok(None) };
            let points = read_points::<B>(from, bases.len() * windows.kept())?;
            let same = points.par_iter().zip(bases).all(|(point, base)| affine::<B>(point) == *base);
            if !same {
                return Err(malformed("tables of other points"));
            }
            Ok(Some(Table::of_points(backend, windows, bases.len(), points, &workspaces)))
        };
        let [lagrange, prefix, coefficients] = [table(&lists[0])?, table(&lists[1])?, table(&lists[2])?];
        let (Some(lagrange), Some(coefficients)) = (lagrange, coefficients) else {
            return Err(malformed("tables without bases"));
        };
        Ok(Self { scheme, n, lagrange, prefix, coefficients, workspaces })
    }
}

fn read_points<B: Backend>(from: &mut dyn Read, count: usize) -> io::Result<Vec<Point<B>>> {
    let mut points = Vec::with_capacity(count);
    let mut bytes = vec![0; CHUNK * POINT_BYTES];
    while points.len() < count {
        let chunk = CHUNK.min(count - points.len()) * POINT_BYTES;
        let bytes = &mut bytes[..chunk];
        from.read_exact(bytes)?;
        let coordinate = |bytes: &[u8]| Fq::from_raw_bytes(bytes);
        for point in bytes.chunks_exact(POINT_BYTES) {
            let (x, y) = point.split_at(POINT_BYTES / 2);
            let (Some(x), Some(y)) = (coordinate(x), coordinate(y)) else {
                return Err(malformed("a coordinate is not below the modulus"));
            };
            points.push(<B::Q as Points>::point(&x, &y));
        }
    }
    Ok(points)
}
