//! The `.ptau` format: `"ptau"`, version, number of sections; each section a number, a length and its bytes.
//! Section 1 is the field and the size, 2 the powers in the first group, 3 those in the second.

use std::io::{Read, Seek, SeekFrom};

use halo2_proofs::halo2curves::{bn256::G2Affine, serde::SerdeObject};

use super::{SrsFileError, read_array, read_bytes, read_u32, read_u64};
use crate::params::{
    MIN_K,
    kzg::{G1_LEN, G2_LEN, Powers, read_points},
};

/// The largest ceremony there is.
const MAX_POWER: u32 = 28;

/// The base field of BN254, little-endian.
const FIELD: [u8; 32] = [
    0x47, 0xfd, 0x7c, 0xd8, 0x16, 0x8c, 0x20, 0x3c, 0x8d, 0xca, 0x71, 0x68, 0x91, 0x6a, 0x81, 0x97, 0x5d,
    0x58, 0x81, 0x81, 0xb6, 0x45, 0x50, 0xb8, 0x29, 0xa0, 0x31, 0xe1, 0x72, 0x4e, 0x64, 0x30,
];

/// More than any tool writes.
const MAX_SECTIONS: u32 = 64;

struct Section {
    number: u32,
    start: u64,
    length: u64,
}

/// Reads after the magic.
pub(super) fn read(file: &mut (impl Read + Seek), length: u64, max_k: u32) -> Result<Powers, SrsFileError> {
    let version = read_u32(file)?;
    if version != 1 {
        return Err(SrsFileError::Version { got: version });
    }
    let sections = sections(file, length)?;
    let power = power(file, find(&sections, 1)?)?;
    let (tau_g1, tau_g2) = (find(&sections, 2)?, find(&sections, 3)?);
    expect_length("section 2", ((2 << power) - 1) * G1_LEN as u64, tau_g1.length)?;
    expect_length("section 3", (1 << power) * G2_LEN as u64, tau_g2.length)?;

    file.seek(SeekFrom::Start(tau_g1.start))?;
    // One more than a power of two, which is what hides.
    let bytes = read_bytes(file, G1_LEN * ((1 << power.min(max_k)) + 1))?;
    let g1 = read_points(&bytes).map_err(|index| SrsFileError::Point { list: "section 2", index })?;
    drop(bytes);
    file.seek(SeekFrom::Start(tau_g2.start))?;
    let mut g2 = [G2Affine::default(); 2];
    for (index, point) in g2.iter_mut().enumerate() {
        *point = G2Affine::from_raw_bytes(&read_array::<G2_LEN>(file)?)
            .ok_or(SrsFileError::Point { list: "section 3", index })?;
    }
    Powers::check(g1, g2[0], g2[1])
}

/// The table of sections, made by walking over them.
fn sections(file: &mut (impl Read + Seek), length: u64) -> Result<Vec<Section>, SrsFileError> {
    let count = read_u32(file)?;
    if count > MAX_SECTIONS {
        return Err(SrsFileError::SectionCount { limit: MAX_SECTIONS, got: count });
    }
    let mut position: u64 = 12;
    let mut sections = Vec::new();
    for _ in 0..count {
        let (number, size) = (read_u32(file)?, read_u64(file)?);
        let start = position + 12;
        let end = start.saturating_add(size);
        if end > length {
            return Err(SrsFileError::Length { part: "the file", expected: end, got: length });
        }
        sections.push(Section { number, start, length: size });
        position = file.seek(SeekFrom::Start(end))?;
    }
    expect_length("the file", position, length)?;
    Ok(sections)
}

fn find(sections: &[Section], number: u32) -> Result<&Section, SrsFileError> {
    let mut found = sections.iter().filter(|section| section.number == number);
    match (found.next(), found.count()) {
        (Some(section), 0) => Ok(section),
        (first, more) => {
            Err(SrsFileError::Section { section: number, got: more as u32 + u32::from(first.is_some()) })
        }
    }
}

fn power(file: &mut (impl Read + Seek), header: &Section) -> Result<u32, SrsFileError> {
    // Length of the prime, the prime, the size of this file, the size of the whole ceremony.
    expect_length("section 1", 4 + 32 + 4 + 4, header.length)?;
    file.seek(SeekFrom::Start(header.start))?;
    if read_u32(file)? != 32 || read_array::<32>(file)? != FIELD {
        return Err(SrsFileError::Curve);
    }
    let power = read_u32(file)?;
    if !(MIN_K..=MAX_POWER).contains(&power) {
        return Err(SrsFileError::Power { min: MIN_K, max: MAX_POWER, got: power });
    }
    Ok(power)
}

fn expect_length(part: &'static str, expected: u64, got: u64) -> Result<(), SrsFileError> {
    if expected == got { Ok(()) } else { Err(SrsFileError::Length { part, expected, got }) }
}
