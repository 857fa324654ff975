//! The `.npy` format: a header with dtype, order and shape, then the elements.

use lemma_circuits::ir::Elem;

use super::{
    InputError, MAX_ARRAY_BYTES, MAX_RANK,
    array::{Array, Elements},
    rows::RowOf,
    shown::shown,
};

const MAGIC: &[u8] = b"\x93NUMPY";
const MAX_HEADER_BYTES: usize = 64 << 10;

/// The header of an `.npy` member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) dtype: Dtype,
    pub(super) fortran_order: bool,
    pub(super) shape: Vec<usize>,
    /// Bytes of the elements, at most [`MAX_ARRAY_BYTES`].
    pub(super) data_bytes: usize,
}

/// An element type: kind `i`, `u` or `f`, its size in bytes and its byte order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Dtype {
    kind: Kind,
    size: usize,
    big_endian: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Signed,
    Unsigned,
    Float,
}

impl Header {
    /// Reads the header from the start of a member.
    pub(super) fn read(name: &str, member: &mut impl std::io::Read) -> Result<Self, InputError> {
        let malformed = |reason: &str| InputError::Npy { name: name.to_owned(), reason: reason.to_owned() };
        let mut take = |len: usize| {
            let mut bytes = vec![0; len];
            member
                .read_exact(&mut bytes)
                .map(|()| bytes)
                .map_err(|error| malformed(&format!("its header: {error}")))
        };
        if take(MAGIC.len())? != MAGIC {
            return Err(malformed("it is not in numpy's .npy format"));
        }
        let length_bytes = match take(2)?.as_slice() {
            [1, _] => 2,
            [2 | 3, _] => 4,
            _ => return Err(malformed("its .npy version is not 1, 2 or 3")),
        };
        let length =
            take(length_bytes)?.iter().rev().fold(0, |length, byte| length << 8 | usize::from(*byte));
        if length > MAX_HEADER_BYTES {
            return Err(malformed(&format!(
                "its header has {length} bytes, the limit is {MAX_HEADER_BYTES}"
            )));
        }
        let text = String::from_utf8(take(length)?).map_err(|_| malformed("its header is not text"))?;
        let fields = Fields::parse(&text).ok_or_else(|| malformed("its header is not numpy's dictionary"))?;
        let dtype = Dtype::parse(fields.descr).ok_or_else(|| InputError::ElementType {
            name: name.to_owned(),
            expected: "float32",
            got: shown(fields.descr),
        });
        Self::checked(name, dtype?, fields.fortran_order, fields.shape)
    }

    fn checked(name: &str, dtype: Dtype, fortran_order: bool, shape: Vec<usize>) -> Result<Self, InputError> {
        if shape.len() > MAX_RANK {
            let reason = format!("it has {} dimensions, the limit is {MAX_RANK}", shape.len());
            return Err(InputError::Npy { name: name.to_owned(), reason });
        }
        let data_bytes = shape.iter().try_fold(dtype.size, |bytes, dimension| bytes.checked_mul(*dimension));
        match data_bytes {
            Some(data_bytes) if data_bytes as u64 <= MAX_ARRAY_BYTES => {
                Ok(Self { dtype, fortran_order, shape, data_bytes })
            }
            _ => Err(InputError::ArrayTooLarge {
                name: name.to_owned(),
                limit: MAX_ARRAY_BYTES,
                got: data_bytes.map_or(u64::MAX, |bytes| bytes as u64),
            }),
        }
    }

    /// Decodes one row of `data`, which has [`Header::data_bytes`] bytes.
    pub(super) fn decode(&self, data: &[u8], row: RowOf) -> Array {
        let stored = (row.start..row.start + row.len)
            .map(|index| if self.fortran_order { fortran_index(&self.shape, index) } else { index });
        let words = stored.filter_map(|index| self.dtype.word(data, index));
        let elements = match (self.dtype.kind, self.dtype.size) {
            // The word of a byte has no bits above.
            (Kind::Unsigned, 1) => Elements::Bytes(Elem::U8, words.map(|word| word as i32).collect()),
            (Kind::Signed, 1) => {
                Elements::Bytes(Elem::I8, words.map(|word| i32::from((word as u8).cast_signed())).collect())
            }
            (Kind::Unsigned, _) => Elements::Integers(words.map(i128::from).collect()),
            (Kind::Signed, size) => {
                let unused_bits = 64 - 8 * size as u32;
                let signed = |word: u64| i128::from(((word << unused_bits) as i64) >> unused_bits);
                Elements::Integers(words.map(signed).collect())
            }
            (Kind::Float, 4) => Elements::Float32(words.map(|word| f32::from_bits(word as u32)).collect()),
            (Kind::Float, _) => Elements::Float64(words.map(f64::from_bits).collect()),
        };
        Array { elements }
    }
}

/// Where column-major order stores the element with this row-major index.
fn fortran_index(shape: &[usize], row_major: usize) -> usize {
    let mut rest = row_major;
    let mut stored = 0;
    for dimension in shape.iter().rev() {
        stored = stored * dimension + rest % dimension;
        rest /= dimension;
    }
    stored
}

impl Dtype {
    fn parse(descr: &str) -> Option<Self> {
        let mut letters = descr.chars();
        let (order, kind) = (letters.next()?, letters.next()?);
        let big_endian = match order {
            '<' | '|' | '=' => false,
            '>' => true,
            _ => return None,
        };
        let (kind, size) = match (kind, letters.as_str()) {
            ('i', "1") => (Kind::Signed, 1),
            ('i', "2") => (Kind::Signed, 2),
            ('i', "4") => (Kind::Signed, 4),
            ('i', "8") => (Kind::Signed, 8),
            ('u', "1") => (Kind::Unsigned, 1),
            ('u', "2") => (Kind::Unsigned, 2),
            ('u', "4") => (Kind::Unsigned, 4),
            ('u', "8") => (Kind::Unsigned, 8),
            ('f', "4") => (Kind::Float, 4),
            ('f', "8") => (Kind::Float, 8),
            _ => return None,
        };
        Some(Self { kind, size, big_endian })
    }

    /// The bits of the element stored at `index`, zero-extended.
    fn word(self, data: &[u8], index: usize) -> Option<u64> {
        let bytes = data.chunks_exact(self.size).nth(index)?.iter();
        let append = |word: u64, byte: &u8| word << 8 | u64::from(*byte);
        Some(if self.big_endian { bytes.fold(0, append) } else { bytes.rev().fold(0, append) })
    }
}

/// The fields of the header's Python dictionary.
struct Fields<'a> {
    descr: &'a str,
    fortran_order: bool,
    shape: Vec<usize>,
}

impl<'a> Fields<'a> {
    /// Parses `{'descr': '<f4', 'fortran_order': False, 'shape': (1, 64), }` with the keys in any order. A
    /// structured dtype, a list, is returned as its text.
    fn parse(text: &'a str) -> Option<Self> {
        let mut rest = text.trim().strip_prefix('{')?.strip_suffix('}')?.trim();
        let (mut descr, mut fortran_order, mut shape) = (None, None, None);
        while !rest.is_empty() {
            let (key, after_key) = quoted(rest)?;
            let value = after_key.trim_start().strip_prefix(':')?.trim_start();
            let after_value = match key {
                "descr" if value.starts_with('[') => {
                    let (list, after) = value.split_at(value.rfind(']')? + 1);
                    descr = Some(list);
                    after
                }
                "descr" => {
                    let (text, after) = quoted(value)?;
                    descr = Some(text);
                    after
                }
                "fortran_order" => {
                    let (order, after) = boolean(value)?;
                    fortran_order = Some(order);
                    after
                }
                "shape" => {
                    let (dimensions, after) = value.strip_prefix('(')?.split_once(')')?;
                    shape = Some(tuple(dimensions)?);
                    after
                }
                _ => return None,
            };
            let after_value = after_value.trim_start();
            rest = match after_value.strip_prefix(',') {
                Some(after) => after.trim_start(),
                None if after_value.is_empty() => after_value,
                None => return None,
            };
        }
        Some(Self { descr: descr?, fortran_order: fortran_order?, shape: shape? })
    }
}

fn quoted(text: &str) -> Option<(&str, &str)> {
    let quote = text.chars().next().filter(|quote| matches!(quote, '\'' | '"'))?;
    text.get(1..)?.split_once(quote)
}

fn boolean(text: &str) -> Option<(bool, &str)> {
    let on = text.strip_prefix("True").map(|after| (true, after));
    on.or_else(|| text.strip_prefix("False").map(|after| (false, after)))
}

fn tuple(text: &str) -> Option<Vec<usize>> {
    let items = text.trim();
    let items = items.strip_suffix(',').unwrap_or(items);
    if items.is_empty() {
        return Some(Vec::new());
    }
    items.split(',').map(|item| item.trim().trim_end_matches('L').parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(dictionary: &str) -> Result<Header, InputError> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend([1, 0]);
        bytes.extend((dictionary.len() as u16).to_le_bytes());
        bytes.extend(dictionary.as_bytes());
        Header::read("x", &mut bytes.as_slice())
    }

    #[test]
    fn reads_numpy_headers() {
        let read = header("{'descr': '<f4', 'fortran_order': False, 'shape': (16, 640), }     \n").unwrap();
        assert_eq!((read.shape, read.data_bytes, read.fortran_order), (vec![16, 640], 4 * 16 * 640, false));
        assert_eq!(header("{'shape': (), 'fortran_order': True, 'descr': '|i1'}").unwrap().data_bytes, 1);
        assert_eq!(header("{'descr': '|u1', 'fortran_order': False, 'shape': (3,)}").unwrap().shape, [3]);
    }

    #[test]
    fn refuses_other_dtypes_and_broken_headers() {
        for descr in ["'|O'", "'<U4'", "'<c8'", "'|b1'", "'<f2'", "'<i3'", "''", "[('a', '<i4')]"] {
            let dictionary = format!("{{'descr': {descr}, 'fortran_order': False, 'shape': (1,)}}");
            assert!(matches!(header(&dictionary), Err(InputError::ElementType { .. })), "{descr}");
        }
        for dictionary in [
            "",
            "{}",
            "{'descr': '<f4'}",
            "{'descr': '<f4', 'fortran_order': False, 'shape': (-1,)}",
            "{'descr': '<f4', 'fortran_order': False, 'shape': (1}",
            "{'descr': '<f4', 'fortran_order': Maybe, 'shape': (1,)}",
            "{'descr': '<f4' 'fortran_order': False, 'shape': (1,)}",
            "{'\u{e9}",
        ] {
            assert!(matches!(header(dictionary), Err(InputError::Npy { .. })), "{dictionary}");
        }
    }

    #[test]
    fn caps_the_size_before_reading_elements() {
        for shape in ["(1000000000000,)", "(4294967296, 4294967296, 4294967296)"] {
            let dictionary = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}}}");
            assert!(matches!(header(&dictionary), Err(InputError::ArrayTooLarge { .. })), "{shape}");
        }
        let deep = "{'descr': '<f4', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1,1,1)}";
        assert!(matches!(header(deep), Err(InputError::Npy { .. })));
    }

    #[test]
    fn decodes_every_integer_width_sign_and_order() {
        let decode = |descr: &str, data: &[u8]| {
            let header =
                header(&format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': (1,)}}")).unwrap();
            header.decode(data, RowOf { start: 0, len: 1 }).elements
        };
        assert_eq!(decode("|i1", &[0xff]), Elements::Bytes(Elem::I8, vec![-1]));
        assert_eq!(decode("|u1", &[0xff]), Elements::Bytes(Elem::U8, vec![255]));
        assert_eq!(decode("<i2", &[0x00, 0x80]), Elements::Integers(vec![-32768]));
        assert_eq!(decode(">i2", &[0x80, 0x01]), Elements::Integers(vec![-32767]));
        assert_eq!(decode("<i8", &[0xfe, 255, 255, 255, 255, 255, 255, 255]), Elements::Integers(vec![-2]));
        assert_eq!(decode("<u8", &[255; 8]), Elements::Integers(vec![u64::MAX.into()]));
        assert_eq!(decode("<f4", &1.5f32.to_le_bytes()), Elements::Float32(vec![1.5]));
        assert_eq!(decode(">f8", &2.5f64.to_be_bytes()), Elements::Float64(vec![2.5]));
    }

    #[test]
    fn reads_column_major_arrays_in_row_major_order() {
        let header = header("{'descr': '|u1', 'fortran_order': True, 'shape': (2, 3)}").unwrap();
        // [[0, 1, 2], [3, 4, 5]] stored by columns
        let second_row = header.decode(&[0, 3, 1, 4, 2, 5], RowOf { start: 3, len: 3 });
        assert_eq!(second_row.elements, Elements::Bytes(Elem::U8, vec![3, 4, 5]));
    }
}
