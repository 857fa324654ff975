use std::io::{Cursor, Write};

use lemma_circuits::ir::Quantization;
use zip::{ZipWriter, write::SimpleFileOptions};

use super::*;

fn port(name: &str, shape: &[usize], elem: Elem, quantize: Option<Quantization>) -> Port {
    Port { name: name.into(), shape: shape.into(), elem, quantize, tail: Vec::new(), bytes_per_instance: 31 }
}

/// Inputs `i: int8[1,2,3]` and, optionally, `f: float32[1,2]` with scale 0.5 and zero point 3.
fn interface(with_float: bool) -> Interface {
    let mut inputs = vec![port("i", &[1, 2, 3], Elem::I8, None)];
    if with_float {
        let quantization = Quantization { scale: 0.5, zero_point: 3 };
        inputs.push(port("f", &[1, 2], Elem::U8, Some(quantization)));
    }
    Interface { inputs, outputs: Vec::new() }
}

fn npy(dictionary: &str, data: &[u8]) -> Vec<u8> {
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((dictionary.len() as u16).to_le_bytes());
    bytes.extend(dictionary.as_bytes());
    bytes.extend(data);
    bytes
}

fn array(descr: &str, shape: &str, data: &[u8]) -> Vec<u8> {
    npy(&format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}"), data)
}

fn npz(members: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in members {
        archive.start_file(format!("{name}.npy"), SimpleFileOptions::default()).unwrap();
        archive.write_all(bytes).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

fn floats(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

#[test]
fn reads_integers_and_quantizes_floats() {
    let bytes = npz(&[
        ("f", array("<f4", "(1, 2)", &floats(&[1.0, -0.75]))),
        ("i", array("|i1", "(1, 2, 3)", &[1, 2, 3, 255, 254, 253])),
        ("labels", array("|O", "(1,)", &[0])),
    ]);
    let integers = vec![vec![1, 2, 3, -1, -2, -3], vec![5, 1]];
    assert_eq!(read(&bytes, &interface(true), None).unwrap(), integers);
    let json = br#" {"i": [[[1, 2, 3], [-1, -2.0, -3e0]]], "f": [1, -0.75], "labels": ["zero"]}"#;
    assert_eq!(read(json, &interface(true), None).unwrap(), integers);
    let ezkl = br#"{"input_data": [[1, 2, 3, -1, -2, -3], [[1.0], [-0.75]]]}"#;
    assert_eq!(read(ezkl, &interface(true), Some(0)).unwrap(), integers);
}

#[test]
fn reads_the_array_naming_of_expected_output_archives() {
    let bytes = npz(&[("input.i", array("|i1", "(2, 3)", &[1, 2, 3, 4, 5, 6])), ("integers.o", vec![])]);
    assert_eq!(read(&bytes, &interface(false), None).unwrap(), [vec![1, 2, 3, 4, 5, 6]]);
}

#[test]
fn selects_a_row_and_never_guesses_one() {
    let rows: Vec<u8> = (0..12).collect();
    for shape in ["(2, 2, 3)", "(2, 1, 2, 3)"] {
        let bytes = npz(&[("i", array("|i1", shape, &rows))]);
        let read = |row| read(&bytes, &interface(false), row);
        assert_eq!(read(Some(1)).unwrap(), [vec![6, 7, 8, 9, 10, 11]]);
        assert!(matches!(read(None), Err(InputError::RowNeeded { rows: 2, .. })));
        assert!(matches!(read(Some(2)), Err(InputError::RowOutOfRange { rows: 2, row: 2, .. })));
    }
    let json = br#"{"i": [[[0,1,2],[3,4,5]], [[6,7,8],[9,10,11]]]}"#;
    assert_eq!(read(json, &interface(false), Some(1)).unwrap(), [vec![6, 7, 8, 9, 10, 11]]);
    let empty = npz(&[("i", array("|i1", "(0, 2, 3)", &[]))]);
    assert!(matches!(read(&empty, &interface(false), None), Err(InputError::RowOutOfRange { rows: 0, .. })));
    let one = npz(&[("i", array("|i1", "(2, 3)", &rows[..6]))]);
    assert!(matches!(
        read(&one, &interface(false), Some(3)),
        Err(InputError::RowOutOfRange { rows: 1, row: 3, .. })
    ));
}

#[test]
fn refuses_other_shapes_and_names() {
    for shape in ["()", "(6,)", "(3, 2)", "(1, 1, 1, 2, 3)", "(6, 1)", "(1, 6)"] {
        let count: usize = if shape == "()" { 1 } else { 6 };
        let bytes = npz(&[("i", array("|i1", shape, &vec![0; count]))]);
        assert!(matches!(read(&bytes, &interface(false), None), Err(InputError::Shape { .. })), "{shape}");
    }
    let error = read(&npz(&[("x", vec![])]), &interface(true), None).unwrap_err().to_string();
    for part in ["'i'", "i: int8[1,2,3], f: float32[1,2]", "'x'"] {
        assert!(error.contains(part), "{error}");
    }
    let error = read(br#"{"x": 1}"#, &interface(false), None).unwrap_err();
    assert!(matches!(error, InputError::MissingArray { .. }), "{error}");
    let error = read(br#"{"input_data": [[1], [2]]}"#, &interface(false), None).unwrap_err();
    assert!(matches!(error, InputError::Json { .. }), "{error}");
    let error = read(br#"{"input_data": []}"#, &interface(false), None).unwrap_err();
    assert!(matches!(error, InputError::Count { expected: 1, got: 0, .. }), "{error}");
    let error = read(br#"{"input_data": [[1, 2]]}"#, &interface(false), None).unwrap_err();
    assert!(matches!(error, InputError::Count { expected: 6, got: 2, .. }), "{error}");
}

#[test]
fn refuses_values_that_are_not_of_the_type() {
    for value in ["128", "-129", "1.5", "1e30", "18446744073709551616", "1e-320"] {
        let json = format!(r#"{{"i": [[{value},0,0],[0,0,0]]}}"#);
        let error = read(json.as_bytes(), &interface(false), None).unwrap_err();
        assert!(matches!(error, InputError::Value { index: 0, .. }), "{value}: {error}");
    }
    let beyond = npz(&[("i", array("<i8", "(2, 3)", &[[1u8; 8]; 6].concat()))]);
    assert!(matches!(read(&beyond, &interface(false), None), Err(InputError::Value { .. })));
    let wrong_type = npz(&[("i", array("<f4", "(2, 3)", &floats(&[0.0; 6])))]);
    assert!(matches!(read(&wrong_type, &interface(false), None), Err(InputError::ElementType { .. })));
}

#[test]
fn refuses_floats_that_a_float32_input_cannot_take() {
    let with_f = |f: Vec<u8>| {
        let bytes = npz(&[("i", array("|i1", "(2, 3)", &[0; 6])), ("f", f)]);
        read(&bytes, &interface(true), None)
    };
    let doubles = |values: [f64; 2]| array("<f8", "(2,)", &values.map(f64::to_le_bytes).concat());
    assert_eq!(with_f(doubles([0.5, 2.0])).unwrap()[1], [4, 7]);
    for values in [[0.1, 0.0], [1e300, 0.0], [f64::NAN, 0.0]] {
        assert!(matches!(with_f(doubles(values)), Err(InputError::Value { index: 0, .. })), "{values:?}");
    }
    for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let refused = with_f(array("<f4", "(2,)", &floats(&[0.0, value])));
        assert!(matches!(refused, Err(InputError::Value { index: 1, .. })), "{value}");
    }
    assert!(matches!(with_f(array("|i1", "(2,)", &[0; 2])), Err(InputError::ElementType { .. })));
    let json = br#"{"i": [[0,0,0],[0,0,0]], "f": [0, 1e39]}"#;
    assert!(matches!(read(json, &interface(true), None), Err(InputError::Value { index: 1, .. })));
}

#[test]
fn refuses_malformed_json() {
    let deep = format!(r#"{{"i": {}0{}}}"#, "[".repeat(100_000), "]".repeat(100_000));
    let many = format!(r#"{{"i": [{}0]}}"#, "0,".repeat(MAX_JSON_NUMBERS));
    for json in [
        "{",
        "{}}",
        r#"{"i": [[0,0,0],[0,0]]}"#,
        r#"{"i": [0,[0]]}"#,
        r#"{"i": [[0],0]}"#,
        r#"{"i": [[], 0]}"#,
        r#"{"i": "zero"}"#,
        r#"{"i": [null]}"#,
        r#"{"i": [true]}"#,
        r#"{"i": [NaN]}"#,
        r#"{"i": 1e999}"#,
        r#"{"i": {"a": 1}}"#,
        r#"{"input_data": 5}"#,
        deep.as_str(),
        many.as_str(),
    ] {
        let error = read(json.as_bytes(), &interface(false), None).unwrap_err();
        assert!(matches!(error, InputError::Json { .. }), "{}: {error}", &json[..json.len().min(40)]);
    }
    for text in [r#"{"i": "TEXT"}"#, r#"{"i": ["TEXT"]}"#, r#"{"input_data": "TEXT"}"#, r#"{"TEXT": 1}"#] {
        let json = text.replace("TEXT", &"x".repeat(1 << 20));
        let message = read(json.as_bytes(), &interface(false), None).unwrap_err().to_string();
        assert!(message.len() < 1000, "{} characters", message.len());
    }
    let twice = br#"{"i": [[0,0,0],[0,0,0]], "i": [[1,0,0],[0,0,0]]}"#;
    assert!(matches!(read(twice, &interface(false), None), Err(InputError::DuplicateArray { .. })));
    assert!(matches!(read(b"", &interface(false), None), Err(InputError::UnknownFormat { .. })));
    assert!(matches!(read(b"[1]", &interface(false), None), Err(InputError::UnknownFormat { .. })));
}

#[test]
fn refuses_damaged_archives() {
    let good = npz(&[("i", array("|i1", "(2, 3)", &[7; 6]))]);
    for length in 0..good.len() {
        assert!(read(&good[..length], &interface(false), None).is_err(), "truncated to {length}");
    }
    for position in 0..good.len() {
        let mut damaged = good.clone();
        damaged[position] ^= 0x55;
        // An edit of a field nobody reads, such as the time, changes nothing; any other is refused.
        if let Ok(inputs) = read(&damaged, &interface(false), None) {
            assert_eq!(inputs, [vec![7; 6]], "byte {position}");
        }
    }
    for elements in [vec![0; 5], vec![0; 7]] {
        let bytes = npz(&[("i", array("|i1", "(2, 3)", &elements))]);
        assert!(matches!(read(&bytes, &interface(false), None), Err(InputError::Npy { .. })));
    }
}

#[test]
fn a_zip_bomb_costs_one_byte_more_than_its_header_promises() {
    let mut bomb = array("|i1", "(2, 3)", &[0; 6]);
    bomb.resize(200 << 20, 0);
    let bytes = npz(&[("i", bomb)]);
    assert!(bytes.len() < 1 << 20);
    assert!(matches!(read(&bytes, &interface(false), None), Err(InputError::Npy { .. })));
    let huge = npz(&[("i", array("|i1", "(99999999999, 2, 3)", &[]))]);
    assert!(matches!(read(&huge, &interface(false), Some(0)), Err(InputError::ArrayTooLarge { .. })));
}

#[test]
fn refuses_an_archive_with_too_many_members() {
    let members: Vec<(String, Vec<u8>)> = (0..1100).map(|index| (index.to_string(), Vec::new())).collect();
    let members: Vec<(&str, Vec<u8>)> =
        members.iter().map(|(name, bytes)| (name.as_str(), bytes.clone())).collect();
    assert!(matches!(
        read(&npz(&members), &interface(false), None),
        Err(InputError::TooManyMembers { got: 1100, .. })
    ));
    // a directory that claims 2^40 members
    let mut claims = b"PK\x06\x06".to_vec();
    claims.resize(32, 0);
    claims.extend((1u64 << 40).to_le_bytes());
    assert!(matches!(read(&claims, &interface(false), None), Err(InputError::TooManyMembers { .. })));
}

#[test]
fn refuses_an_oversized_file_before_reading_it() {
    let bytes = vec![b' '; MAX_FILE_BYTES as usize + 1];
    assert!(matches!(read(&bytes, &interface(false), None), Err(InputError::FileTooLarge { .. })));
}

#[test]
fn written_arrays_read_back() {
    let written = npz_bytes(&[
        NamedArray {
            name: "i".into(),
            shape: vec![1, 2, 3],
            values: Values::I8(vec![-128, -1, 0, 1, 2, 127]),
        },
        NamedArray { name: "f".into(), shape: vec![1, 2], values: Values::F32(vec![0.5, 1.0]) },
        NamedArray { name: "u".into(), shape: vec![], values: Values::U8(vec![255]) },
    ])
    .unwrap();
    assert_eq!(read(&written, &interface(true), None).unwrap(), [vec![-128, -1, 0, 1, 2, 127], vec![4, 5]]);
    assert_eq!(
        json_nested(&[1, 2, 3], &Values::I8(vec![-128, -1, 0, 1, 2, 127])).to_string(),
        "[[[-128,-1,0],[1,2,127]]]"
    );
}

/// As numpy writes and reads them: exporters name tensors after the layers they lie in.
#[test]
fn names_with_slashes_are_written_and_read() {
    for name in ["/f/f.11/Gemm_output_0", "a/b", "a..b", "a/...", "/"] {
        let values = Values::I8(vec![1, 2, 3, 4, 5, 6]);
        let written = npz_bytes(&[NamedArray { name: name.into(), shape: vec![2, 3], values }]).unwrap();
        let mut interface = interface(false);
        interface.inputs[0].name = name.to_owned();
        assert_eq!(read(&written, &interface, None).unwrap(), [vec![1, 2, 3, 4, 5, 6]], "{name}");
    }
}

#[test]
fn several_rows_are_read_in_their_order() {
    let bytes = npz(&[("i", array("|i1", "(3, 2, 3)", &(0..18).collect::<Vec<u8>>()))]);
    let rows = |rows: Rows| read_rows(&bytes, &interface(false), &rows);
    let row = |first: i32| vec![(first..first + 6).collect::<Vec<i32>>()];
    assert_eq!(rows(Rows::All).unwrap(), [row(0), row(6), row(12)]);
    assert_eq!(rows(Rows::Range(1..3)).unwrap(), [row(6), row(12)]);
    assert_eq!(rows(Rows::One(Some(2))).unwrap(), [row(12)]);
    for range in [1..4, 3..4, 0..usize::MAX] {
        let error = rows(Rows::Range(range)).unwrap_err();
        assert!(matches!(error, InputError::RowOutOfRange { rows: 3, row: 3, .. }), "{error}");
    }
    let json = br#"{"i": [[[1,2,3],[4,5,6]],[[7,8,9],[10,11,12]]]}"#;
    let read = read_rows(json, &interface(false), &Rows::All).unwrap();
    assert_eq!(read, [vec![vec![1, 2, 3, 4, 5, 6]], vec![vec![7, 8, 9, 10, 11, 12]]]);
    let flat = br#"{"input_data": [[1,2,3,4,5,6]]}"#;
    assert_eq!(read_rows(flat, &interface(false), &Rows::All).unwrap().len(), 1);
    assert!(read_rows(flat, &interface(false), &Rows::Range(0..2)).is_err());
}

#[test]
fn inputs_have_as_many_rows() {
    let floats = |rows: usize| {
        let values: Vec<u8> = (0..2 * rows).flat_map(|value| (value as f32).to_le_bytes()).collect();
        array("<f4", &format!("({rows}, 1, 2)"), &values)
    };
    let with = |rows: usize| npz(&[("i", array("|i1", "(2, 2, 3)", &[1; 12])), ("f", floats(rows))]);
    assert_eq!(read_rows(&with(2), &interface(true), &Rows::All).unwrap().len(), 2);
    let error = read_rows(&with(3), &interface(true), &Rows::All).unwrap_err();
    assert!(matches!(error, InputError::RowCounts { expected: 2, got: 3, .. }), "{error}");
    assert_eq!(read_rows(&with(3), &interface(true), &Rows::Range(0..2)).unwrap().len(), 2);
}

#[test]
fn names_that_lead_out_of_a_directory_are_not_written() {
    for name in ["../x", "a/../b", "a\\b", "..", "x\u{1b}[2J"] {
        let array = NamedArray { name: name.into(), shape: vec![1], values: Values::I8(vec![1]) };
        let error = npz_bytes(&[array]).unwrap_err();
        assert!(matches!(&error, WriteError::Name { name: refused } if refused == name), "{error}");
        assert!(!error.to_string().chars().any(char::is_control), "{error}");
    }
}

#[test]
fn bytes_of_the_other_sign_are_refused_though_they_fit() {
    let named = |descr: &str, data: &[u8]| npz(&[("i", array(descr, "(1, 2, 3)", data))]);
    let error = read(&named("|u1", &[1, 2, 3, 4, 5, 6]), &interface(false), None).unwrap_err();
    assert!(matches!(&error, InputError::OtherSign { expected: "int8", got: "uint8", .. }), "{error}");
    assert!(error.to_string().contains("mostly by 128"), "{error}");
    let wide: Vec<u8> = [1_i16, 2, 3, -4, 5, 6].iter().flat_map(|value| value.to_le_bytes()).collect();
    assert_eq!(read(&named("<i2", &wide), &interface(false), None).unwrap(), [[1, 2, 3, -4, 5, 6]]);
    assert!(read(&named("<u2", &wide), &interface(false), None).is_err());
}
