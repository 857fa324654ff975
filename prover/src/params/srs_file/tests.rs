use std::{fs, io::Cursor};

use ff::Field;
use halo2_proofs::{
    SerdeFormat,
    halo2curves::{
        CurveAffine,
        bn256::{Fq2, Fr, G1Affine, G2Affine},
        group::{Curve, cofactor::CofactorGroup, prime::PrimeCurveAffine},
        serde::SerdeObject,
    },
    poly::kzg::commitment::ParamsKZG,
};
use rand::rngs::OsRng;

use super::*;
use crate::params::kzg::{G1_LEN, G2_LEN};

pub(in crate::params) const POWER: u32 = 5;

/// A `.ptau` file as snarkjs writes it, open to every kind of damage.
#[derive(Clone)]
pub(in crate::params) struct Ptau {
    version: u32,
    header: Vec<u8>,
    tau_g1: Vec<G1Affine>,
    tau_g2: Vec<G2Affine>,
    /// Sections that follow the three that matter.
    more: Vec<(u32, Vec<u8>)>,
}

const FIELD: &str = "47fd7cd8168c203c8dca7168916a81975d588181b64550b829a031e1724e6430";

impl Ptau {
    pub(in crate::params) fn new(secret: Fr) -> Self {
        let power = |i: u64| secret.pow_vartime([i]);
        let mut header = 32u32.to_le_bytes().to_vec();
        header.extend(hex::decode(FIELD).unwrap());
        header.extend(POWER.to_le_bytes());
        header.extend(28u32.to_le_bytes());
        Self {
            version: 1,
            header,
            tau_g1: (0..(2 << POWER) - 1).map(|i| (G1Affine::generator() * power(i)).to_affine()).collect(),
            tau_g2: (0..1 << POWER).map(|i| (G2Affine::generator() * power(i)).to_affine()).collect(),
            more: vec![(4, vec![1; 100]), (5, vec![]), (6, vec![2; 7]), (7, vec![3; 9])],
        }
    }

    fn sections(&self) -> Vec<(u32, Vec<u8>)> {
        let mut sections = vec![
            (1, self.header.clone()),
            (2, self.tau_g1.iter().flat_map(SerdeObject::to_raw_bytes).collect()),
            (3, self.tau_g2.iter().flat_map(SerdeObject::to_raw_bytes).collect()),
        ];
        sections.extend(self.more.clone());
        sections
    }

    pub(in crate::params) fn bytes(&self) -> Vec<u8> {
        self.with_sections(&self.sections())
    }

    fn with_sections(&self, sections: &[(u32, Vec<u8>)]) -> Vec<u8> {
        let mut out = b"ptau".to_vec();
        out.extend(self.version.to_le_bytes());
        out.extend((sections.len() as u32).to_le_bytes());
        for (number, content) in sections {
            out.extend(number.to_le_bytes());
            out.extend((content.len() as u64).to_le_bytes());
            out.extend(content);
        }
        out
    }
}

fn read(bytes: &[u8]) -> Result<Powers, SrsFileError> {
    read_from(&mut Cursor::new(bytes), bytes.len() as u64, 20)
}

fn refusal(bytes: &[u8]) -> SrsFileError {
    read(bytes).unwrap_err()
}

/// The raw file of a random secret.
fn raw(k: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    ParamsKZG::<halo2_proofs::halo2curves::bn256::Bn256>::setup(k, OsRng)
        .write_custom(&mut bytes, SerdeFormat::RawBytes)
        .unwrap();
    bytes
}

/// A point of the second group's curve outside its prime-order subgroup.
fn outside_the_subgroup() -> G2Affine {
    loop {
        let x = Fq2::random(OsRng);
        let y: Option<Fq2> = (x.square() * x + G2Affine::b()).sqrt().into();
        let point = y.and_then(|y| Option::<G2Affine>::from(G2Affine::from_xy(x, y)));
        if let Some(point) = point.filter(|point| !bool::from(point.to_curve().is_torsion_free())) {
            return point;
        }
    }
}

#[test]
fn honest_files_are_read() {
    let file = Ptau::new(Fr::random(OsRng));
    let powers = read(&file.bytes()).unwrap();
    assert_eq!(powers.g1, file.tau_g1[..=1 << POWER]);
    assert_eq!(powers.s_g2, file.tau_g2[1]);
    // Sections may come in any order.
    let mut reversed = file.sections();
    reversed.reverse();
    assert_eq!(read(&file.with_sections(&reversed)).unwrap().g1, powers.g1);
    // Only as many powers as allowed.
    let bytes = file.bytes();
    let few = read_from(&mut Cursor::new(&bytes), bytes.len() as u64, POWER - 1).unwrap();
    assert_eq!(few.g1, file.tau_g1[..=1 << (POWER - 1)]);

    assert_eq!(read(&raw(6)).unwrap().g1.len(), 64);
}

#[test]
fn the_file_s_digest_is_kept() {
    let directory = tempfile::TempDir::new().unwrap();
    let path = directory.path().join("ceremony.ptau");
    let bytes = Ptau::new(Fr::random(OsRng)).bytes();
    fs::write(&path, &bytes).unwrap();
    assert_eq!(super::read(&path).unwrap().sha256, Digest::of(&bytes));
    assert!(matches!(super::read(&directory.path().join("none")), Err(SrsFileError::Io(_))));
}

#[test]
fn damaged_headers_are_refused() {
    let file = Ptau::new(Fr::random(OsRng));
    assert!(matches!(refusal(b""), SrsFileError::Unrecognized));
    assert!(matches!(refusal(b"pta"), SrsFileError::Unrecognized));
    assert!(matches!(refusal(b"PK\x03\x04 and so on"), SrsFileError::Unrecognized));
    assert!(matches!(
        refusal(&Ptau { version: 2, ..file.clone() }.bytes()),
        SrsFileError::Version { got: 2 }
    ));
    let header = |edit: fn(&mut Vec<u8>)| {
        let mut file = file.clone();
        edit(&mut file.header);
        refusal(&file.bytes())
    };
    assert!(matches!(header(|h| h[0] = 31), SrsFileError::Curve));
    assert!(matches!(header(|h| h[4] ^= 1), SrsFileError::Curve));
    assert!(matches!(header(|h| h[36] = 29), SrsFileError::Power { got: 29, .. }));
    assert!(matches!(header(|h| h[36] = 1), SrsFileError::Power { got: 1, .. }));
    assert!(matches!(header(|h| h[36] = 6), SrsFileError::Length { part: "section 2", .. }));
    assert!(matches!(
        header(|h| h.push(0)),
        SrsFileError::Length { part: "section 1", expected: 44, got: 45 }
    ));
}

#[test]
fn damaged_sections_are_refused() {
    let file = Ptau::new(Fr::random(OsRng));
    let bytes = file.bytes();
    let sections = file.sections();
    for missing in 1..=3 {
        let left: Vec<_> = sections.iter().filter(|section| section.0 != missing).cloned().collect();
        let error = refusal(&file.with_sections(&left));
        assert!(matches!(error, SrsFileError::Section { section, got: 0 } if section == missing));
        let twice = [&sections[..], &sections[missing as usize - 1..missing as usize]].concat();
        let error = refusal(&file.with_sections(&twice));
        assert!(matches!(error, SrsFileError::Section { section, got: 2 } if section == missing));
    }
    let many = vec![(9, vec![]); 65];
    assert!(matches!(refusal(&file.with_sections(&many)), SrsFileError::SectionCount { limit: 64, got: 65 }));
    for length in [9, 12, 20, 60, 1000, bytes.len() - 1] {
        let error = refusal(&bytes[..length]);
        assert!(matches!(error, SrsFileError::Io(_) | SrsFileError::Length { .. }), "{length}: {error}");
    }
    let longer = [&bytes[..], b"0"].concat();
    assert!(matches!(refusal(&longer), SrsFileError::Length { part: "the file", .. }));
    let mut huge = bytes.clone();
    huge[16..24].fill(0xff);
    assert!(matches!(refusal(&huge), SrsFileError::Length { part: "the file", expected: u64::MAX, .. }));
    let mut short = file.clone();
    short.tau_g1.truncate(1 << POWER);
    assert!(matches!(refusal(&short.bytes()), SrsFileError::Length { part: "section 2", .. }));
    let mut short = file.clone();
    short.tau_g2.pop();
    assert!(matches!(refusal(&short.bytes()), SrsFileError::Length { part: "section 3", .. }));
}

#[test]
fn points_that_are_none_are_refused() {
    let file = Ptau::new(Fr::random(OsRng));
    let damaged = |section: usize, index: usize, length: usize| {
        let mut sections = file.sections();
        sections[section - 1].1[index * length] ^= 1;
        refusal(&file.with_sections(&sections))
    };
    for index in [0, 7, 1 << POWER] {
        let error = damaged(2, index, G1_LEN);
        assert!(matches!(error, SrsFileError::Point { list: "section 2", index: got } if got == index));
    }
    assert!(matches!(damaged(3, 1, G2_LEN), SrsFileError::Point { list: "section 3", index: 1 }));
    // A coordinate that is not reduced.
    let mut sections = file.sections();
    sections[1].1[3 * G1_LEN..][..32].fill(0xff);
    let error = refusal(&file.with_sections(&sections));
    assert!(matches!(error, SrsFileError::Point { list: "section 2", index: 3 }));
}

#[test]
fn other_sequences_are_refused() {
    let file = Ptau::new(Fr::random(OsRng));
    let edited = |edit: &dyn Fn(&mut Ptau)| {
        let mut file = file.clone();
        edit(&mut file);
        refusal(&file.bytes())
    };
    let other = (G1Affine::generator() * Fr::random(OsRng)).to_affine();
    for index in [1, 2, (1 << POWER) - 1, 1 << POWER] {
        assert!(matches!(edited(&|f| f.tau_g1[index] = other), SrsFileError::Powers), "{index}");
        assert!(
            matches!(edited(&|f| f.tau_g1[index] = G1Affine::identity()), SrsFileError::Powers),
            "{index}"
        );
    }
    assert!(matches!(edited(&|f| f.tau_g1.swap(4, 5)), SrsFileError::Powers));
    assert!(matches!(edited(&|f| f.tau_g2[1] = f.tau_g2[2]), SrsFileError::Powers));
    assert!(matches!(edited(&|f| f.tau_g1[0] = other), SrsFileError::Generator { group: 1 }));
    assert!(matches!(edited(&|f| f.tau_g2[0] = f.tau_g2[1]), SrsFileError::Generator { group: 2 }));
    assert!(matches!(
        edited(&|f| f.tau_g2[1] = outside_the_subgroup()),
        SrsFileError::Setup(SetupError::Subgroup)
    ));
    assert!(matches!(refusal(&Ptau::new(Fr::ZERO).bytes()), SrsFileError::Setup(SetupError::TrivialSecret)));
    assert!(matches!(refusal(&Ptau::new(Fr::ONE).bytes()), SrsFileError::Setup(SetupError::TrivialSecret)));
}

#[test]
fn damaged_raw_files_are_refused() {
    const K: u32 = 5;
    let bytes = raw(K);
    let basis = 4 + (G1_LEN << K);
    let second_group = basis + (G1_LEN << K);
    let edited = |edit: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = bytes.clone();
        edit(&mut bytes);
        refusal(&bytes)
    };
    assert!(matches!(edited(&|b| b[0] = 29), SrsFileError::Unrecognized));
    assert!(matches!(edited(&|b| b[0] = 1), SrsFileError::Power { got: 1, .. }));
    assert!(matches!(edited(&|b| b[0] = 21), SrsFileError::Power { got: 21, max: 20, .. }));
    assert!(matches!(edited(&|b| b[0] = 6), SrsFileError::Length { .. }));
    assert!(matches!(edited(&|b| b.truncate(second_group)), SrsFileError::Length { .. }));
    assert!(matches!(edited(&|b| b.push(0)), SrsFileError::Length { .. }));
    assert!(matches!(edited(&|b| b[4 + 64] ^= 1), SrsFileError::Point { list: "powers", index: 1 }));
    assert!(matches!(edited(&|b| b[basis] ^= 1), SrsFileError::Point { list: "Lagrange basis", index: 0 }));
    assert!(matches!(
        edited(&|b| b[second_group + 128] ^= 1),
        SrsFileError::Point { list: "second group", index: 1 }
    ));
    let swapped = edited(&|b| {
        let (first, second) = b[basis..].split_at_mut(G1_LEN);
        first.swap_with_slice(&mut second[..G1_LEN]);
    });
    assert!(matches!(swapped, SrsFileError::LagrangeBasis));
    let other = raw(K);
    let spliced = [&bytes[..basis], &other[basis..second_group], &bytes[second_group..]].concat();
    assert!(matches!(refusal(&spliced), SrsFileError::LagrangeBasis));
    let spliced = [&bytes[..second_group], &other[second_group..]].concat();
    assert!(matches!(refusal(&spliced), SrsFileError::Powers));
}

#[cfg(unix)]
#[test]
fn endless_files_are_refused_at_once() {
    for path in ["/dev/zero", "/"] {
        assert!(matches!(super::read(Path::new(path)), Err(SrsFileError::NotAFile)), "{path}");
    }
}
