//! The statement has one encoding, one public-input vector, and no other statement shares either.

use halo2_proofs::halo2curves::{bn256::Fr, ff::PrimeField};
use lemma_verifier::{
    circuit_id::CircuitId,
    interface::{Elem, HEADER_INSTANCES, Interface, LANES_PER_INSTANCE, MAX_CONTEXT, Port},
    statement::{Context, Statement, StatementError},
};
use proptest::prelude::*;

fn port(name: &str, len: usize, elem: Elem) -> Port {
    Port {
        name: name.to_owned(),
        shape: vec![1, len],
        elem,
        quantize: None,
        tail: Vec::new(),
        bytes_per_instance: 31,
    }
}

/// Lengths around the chunk boundaries, both types.
fn interface() -> Interface {
    Interface {
        inputs: vec![port("a", 33, Elem::I8), port("b", 31, Elem::U8)],
        outputs: vec![port("y", 62, Elem::U8), port("z", 1, Elem::I8)],
    }
}

fn tensors(ports: &[Port]) -> impl Strategy<Value = Vec<Vec<i32>>> + use<> {
    let tensor = |port: &Port| prop::collection::vec(port.elem.min()..=port.elem.max(), port.len());
    ports.iter().map(tensor).collect::<Vec<_>>()
}

fn statements() -> impl Strategy<Value = Statement> {
    let interface = interface();
    let context = prop::collection::vec(any::<u8>(), 0..=MAX_CONTEXT);
    (any::<[u8; 32]>(), context, tensors(&interface.inputs), tensors(&interface.outputs)).prop_map(
        |(circuit, context, inputs, outputs)| Statement {
            circuit: CircuitId(circuit),
            context: Context::new(context).unwrap(),
            inputs,
            outputs,
        },
    )
}

/// The statement that a public-input vector is of, if it is of one: the inverse of the encoder.
fn of_public_inputs(public: &[Fr], interface: &Interface) -> Option<Statement> {
    let mut bytes = Vec::new();
    let (header, chunks) = public.split_at_checked(HEADER_INSTANCES)?;
    let mut take = |value: &Fr, len: usize| {
        let repr = value.to_repr();
        bytes.extend_from_slice(&repr[..len]);
        repr[len..].iter().all(|byte| *byte == 0).then_some(())
    };
    for (value, len) in header.iter().zip([16, 16, 17, 16]) {
        take(value, len)?;
    }
    let mut chunks = chunks.iter();
    for port in interface.ports() {
        for start in (0..port.len()).step_by(LANES_PER_INSTANCE) {
            take(chunks.next()?, LANES_PER_INSTANCE.min(port.len() - start))?;
        }
    }
    (chunks.next().is_none()).then(|| Statement::decode(&bytes, interface).ok())?
}

proptest! {
    #[test]
    fn encodings_are_bijective(statement in statements()) {
        let interface = interface();
        let bytes = statement.encode(&interface).unwrap();
        prop_assert_eq!(bytes.len(), interface.statement_bytes());
        prop_assert_eq!(Statement::decode(&bytes, &interface), Ok(statement.clone()));
        let public = statement.public_inputs(&interface).unwrap();
        prop_assert_eq!(public.len(), interface.instances());
        prop_assert_eq!(of_public_inputs(&public, &interface), Some(statement));
    }

    #[test]
    fn what_decodes_is_what_encodes(mut bytes in prop::collection::vec(any::<u8>(), 192), context in 0_u8..40) {
        let interface = interface();
        prop_assert_eq!(bytes.len(), interface.statement_bytes());
        bytes[32] = context;
        if let Ok(statement) = Statement::decode(&bytes, &interface) {
            prop_assert_eq!(statement.encode(&interface), Ok(bytes.clone()));
        }
        bytes[33 + usize::from(context).min(MAX_CONTEXT)..33 + MAX_CONTEXT].fill(0);
        let decoded = Statement::decode(&bytes, &interface);
        prop_assert_eq!(decoded.is_ok(), usize::from(context) <= MAX_CONTEXT);
        prop_assert!(decoded.is_err() || decoded.unwrap().encode(&interface) == Ok(bytes));
    }

    #[test]
    fn different_statements_have_different_public_inputs(a in statements(), b in statements()) {
        let interface = interface();
        prop_assert_eq!(a == b, a.public_inputs(&interface) == b.public_inputs(&interface));
    }
}

fn example() -> Statement {
    let tensor = |port: &Port| {
        let first = i32::from(port.name.as_bytes()[0]) * 7;
        (0..port.len()).map(|index| port.elem.min() + (first + index as i32 * 3) % 256).collect()
    };
    Statement {
        circuit: CircuitId(std::array::from_fn(|index| index as u8 + 1)),
        context: Context::new(vec![9, 0, 8]).unwrap(),
        inputs: interface().inputs.iter().map(tensor).collect(),
        outputs: interface().outputs.iter().map(tensor).collect(),
    }
}

#[test]
fn every_byte_edit_is_another_statement_or_none() {
    let interface = interface();
    let bytes = example().encode(&interface).unwrap();
    let public = example().public_inputs(&interface).unwrap();
    for index in 0..bytes.len() {
        for edit in 1..=255 {
            let mut edited = bytes.clone();
            edited[index] ^= edit;
            match Statement::decode(&edited, &interface) {
                Err(error) => assert!((32..65).contains(&index), "byte {index}: {error}"),
                Ok(other) => {
                    assert_ne!(other.public_inputs(&interface).unwrap(), public, "byte {index}");
                    assert_eq!(other.encode(&interface).unwrap(), edited);
                }
            }
        }
    }
}

#[test]
fn every_truncation_and_every_append_is_refused() {
    let interface = interface();
    let bytes = example().encode(&interface).unwrap();
    for length in 0..bytes.len() {
        let got = Statement::decode(&bytes[..length], &interface);
        assert_eq!(got, Err(StatementError::Length { expected: bytes.len(), got: length }));
    }
    for extra in 1..=64 {
        for byte in [0, 1, 255] {
            let longer = [bytes.clone(), vec![byte; extra]].concat();
            assert!(matches!(Statement::decode(&longer, &interface), Err(StatementError::Length { .. })));
        }
    }
}

#[test]
fn contexts_that_differ_in_length_alone_are_different_statements() {
    let interface = interface();
    let with = |context: Vec<u8>| Statement { context: Context::new(context).unwrap(), ..example() };
    let mut seen = Vec::new();
    for length in 0..=MAX_CONTEXT {
        for byte in [0, 1] {
            seen.push(with(vec![byte; length]).public_inputs(&interface).unwrap());
        }
    }
    // The empty context was counted twice.
    seen.remove(1);
    for (index, public) in seen.iter().enumerate() {
        assert!(!seen[..index].contains(public));
        assert_eq!(public.len(), interface.instances());
    }
    assert_eq!(Context::new(vec![0; 33]), Err(StatementError::ContextTooLong { got: 33 }));
    let mut bytes = example().encode(&interface).unwrap();
    for (length, padding) in [(33, 0), (255, 0), (2, 8)] {
        bytes[32] = length;
        bytes[32 + 3] = padding;
        assert_eq!(Statement::decode(&bytes, &interface), Err(StatementError::ContextEncoding));
    }
}

/// The public-input vectors a cheater would pass instead are those of no statement.
#[test]
fn public_inputs_of_other_length_order_or_size_are_of_no_statement() {
    let interface = interface();
    let public = example().public_inputs(&interface).unwrap();
    let is_of = |public: &[Fr]| of_public_inputs(public, &interface);
    assert_eq!(is_of(&public), Some(example()));
    assert_eq!(is_of(&[public.clone(), vec![Fr::from(0)]].concat()), None, "an appended zero");
    assert_eq!(is_of(&public[..public.len() - 1]), None);
    for index in 0..public.len() {
        // x + p is not a canonical field element; the largest representable values are no bytes.
        let mut larger = public.clone();
        larger[index] = -Fr::from(1);
        assert_eq!(is_of(&larger), None, "public input {index}");
        for other in 0..index {
            let mut swapped = public.clone();
            swapped.swap(index, other);
            assert_ne!(is_of(&swapped), Some(example()), "public inputs {other} and {index}");
        }
    }
}

#[test]
fn an_element_plus_the_modulus_is_not_a_field_element() {
    // p, little-endian.
    let modulus = (-Fr::from(1)).to_repr();
    let mut bytes: [u8; 32] = modulus;
    bytes[0] += 1;
    assert!(bool::from(Fr::from_repr(bytes).is_none()));
}

#[test]
fn tensors_of_another_interface_are_refused() {
    let interface = interface();
    let refused = |change: fn(&mut Statement)| {
        let mut statement = example();
        change(&mut statement);
        assert_eq!(statement.encode(&interface).err(), statement.public_inputs(&interface).err());
        statement.encode(&interface).unwrap_err()
    };
    let length = |error| matches!(error, StatementError::TensorLength { .. });
    assert!(length(refused(|statement| statement.inputs[0].push(0))));
    assert!(length(refused(|statement| statement.outputs[1].clear())));
    // Input and output in each other's place; two inputs in each other's place.
    assert!(length(refused(|statement| std::mem::swap(&mut statement.inputs, &mut statement.outputs))));
    assert!(length(refused(|statement| statement.inputs.swap(0, 1))));
    // An element moved over a port boundary.
    assert!(length(refused(|statement| {
        let element = statement.inputs[0].pop().unwrap();
        statement.inputs[1].insert(0, element.rem_euclid(256));
    })));
    let count = refused(|statement| statement.outputs.truncate(1));
    assert_eq!(count, StatementError::TensorCount { expected: 2, got: 1 });
    for value in [-129, 128, i32::MIN, i32::MAX] {
        let mut statement = example();
        statement.inputs[0][7] = value;
        let error = statement.encode(&interface).unwrap_err();
        assert!(matches!(error, StatementError::ElementRange { index: 7, value: got, .. } if got == value));
    }
}
