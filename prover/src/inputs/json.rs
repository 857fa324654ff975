//! JSON documents: `{"name": nested lists}`, or EZKL's `{"input_data": [one list per input]}`.

use std::{collections::BTreeMap, fmt};

use lemma_verifier::interface::{Interface, Port};
use serde::de::{
    DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Unexpected, Visitor,
};

use super::{
    InputError, MAX_JSON_NUMBERS, MAX_RANK,
    array::{Array, Elements, JsonNumber},
    describe_inputs, integers,
    rows::{RowOf, Rows},
    shown::list_names,
};

const EZKL_KEY: &str = "input_data";

/// By input the integers of the rows.
pub(super) fn read(
    bytes: &[u8],
    interface: &Interface,
    rows: &Rows,
) -> Result<Vec<Vec<Vec<i32>>>, InputError> {
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let document = Document { interface, remaining: MAX_JSON_NUMBERS };
    let parsed = document.deserialize(&mut reader).and_then(|parsed| reader.end().map(|()| parsed));
    let mut parsed =
        parsed.map_err(|source| InputError::Json { expected: describe_inputs(interface), source })?;
    if let Some(name) = parsed.repeated {
        return Err(InputError::DuplicateArray { name });
    }
    if let Some(lists) = parsed.by_position {
        return by_position(interface, lists, rows);
    }
    let mut read = Vec::new();
    for input in &interface.inputs {
        let nested = parsed.by_name.remove(&input.name).ok_or_else(|| InputError::MissingArray {
            name: input.name.clone(),
            expected: describe_inputs(interface),
            found: list_names(&parsed.names),
        })?;
        let rows = rows.find(&input.name, &nested.shape(), &input.shape)?.into_iter();
        read.push(rows.map(|row| integers(input, nested.array(row))).collect::<Result<_, _>>()?);
    }
    Ok(read)
}

/// EZKL flattens every input to one list, in graph order.
fn by_position(
    interface: &Interface,
    lists: Vec<Nested>,
    rows: &Rows,
) -> Result<Vec<Vec<Vec<i32>>>, InputError> {
    if lists.len() != interface.inputs.len() {
        let (expected, got) = (interface.inputs.len(), lists.len());
        return Err(InputError::Count { what: "lists".to_owned(), expected, got });
    }
    let convert = |(input, nested): (&Port, Nested)| {
        let len = input.len();
        if nested.numbers.len() != len {
            let what = format!("values for '{}'", input.name);
            return Err(InputError::Count { what, expected: len, got: nested.numbers.len() });
        }
        let rows = rows.find(&input.name, &input.shape, &input.shape)?.into_iter();
        rows.map(|row| integers(input, nested.array(row))).collect()
    };
    interface.inputs.iter().zip(lists).map(convert).collect()
}

/// What the document holds for this model.
#[derive(Default)]
struct Parsed {
    by_name: BTreeMap<String, Nested>,
    by_position: Option<Vec<Nested>>,
    names: Vec<String>,
    repeated: Option<String>,
}

/// Reads the top-level object, keeping only the arrays the model wants.
struct Document<'a> {
    interface: &'a Interface,
    remaining: usize,
}

impl<'de> DeserializeSeed<'de> for Document<'_> {
    type Value = Parsed;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Parsed, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Document<'_> {
    type Value = Parsed;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with one entry per model input")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<Parsed, A::Error> {
        let wanted = |name: &str| self.interface.inputs.iter().any(|input| input.name == name);
        let ezkl = !wanted(EZKL_KEY);
        let mut parsed = Parsed::default();
        while let Some(name) = map.next_key::<String>()? {
            let repeated = if ezkl && name == EZKL_KEY {
                let lists =
                    ListOfArrays { inputs: self.interface.inputs.len(), remaining: &mut self.remaining };
                parsed.by_position.replace(map.next_value_seed(lists)?).is_some()
            } else if wanted(&name) {
                let nested = map.next_value_seed(ArraySeed { remaining: &mut self.remaining })?;
                parsed.by_name.insert(name.clone(), nested).is_some()
            } else {
                map.next_value::<IgnoredAny>()?;
                false
            };
            if repeated {
                parsed.repeated.get_or_insert_with(|| name.clone());
            }
            // one more than is ever shown
            if parsed.names.len() <= 20 {
                parsed.names.push(name);
            }
        }
        Ok(parsed)
    }
}

/// EZKL's list of arrays; more of them than the model has inputs are counted, not kept.
struct ListOfArrays<'a> {
    inputs: usize,
    remaining: &'a mut usize,
}

impl<'de> DeserializeSeed<'de> for ListOfArrays<'_> {
    type Value = Vec<Nested>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ListOfArrays<'_> {
    type Value = Vec<Nested>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list with one list of numbers per model input")
    }

    /// Without the text, which can be long.
    fn visit_str<E: Error>(self, _: &str) -> Result<Self::Value, E> {
        Err(E::invalid_type(Unexpected::Other("string"), &self))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut arrays = Vec::new();
        while let Some(array) = seq.next_element_seed(ArraySeed { remaining: self.remaining })? {
            if arrays.len() == self.inputs {
                return Err(A::Error::custom(format!(
                    "input_data has more lists than the model's {}",
                    self.inputs
                )));
            }
            arrays.push(array);
        }
        Ok(arrays)
    }
}

/// Nested lists of equal lengths, flattened row-major.
#[derive(Debug, Default)]
struct Nested {
    numbers: Vec<JsonNumber>,
    /// Length of the lists at each depth.
    lengths: Vec<Option<usize>>,
    /// Depth of the numbers.
    depth: Option<usize>,
}

impl Nested {
    fn shape(&self) -> Vec<usize> {
        self.lengths.iter().map(|length| length.unwrap_or(0)).collect()
    }

    fn array(&self, row: RowOf) -> Array {
        let numbers = self.numbers.iter().skip(row.start).take(row.len).copied().collect();
        Array { elements: Elements::Json(numbers) }
    }
}

struct ArraySeed<'a> {
    remaining: &'a mut usize,
}

impl<'de> DeserializeSeed<'de> for ArraySeed<'_> {
    type Value = Nested;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Nested, D::Error> {
        let mut nested = Nested::default();
        let level = Level { nested: &mut nested, remaining: self.remaining, depth: 0 };
        level.deserialize(deserializer)?;
        Ok(nested)
    }
}

/// One list, or number, at a depth of the nesting.
struct Level<'a> {
    nested: &'a mut Nested,
    remaining: &'a mut usize,
    depth: usize,
}

impl Level<'_> {
    fn number<E: Error>(self, number: JsonNumber) -> Result<(), E> {
        if *self.nested.depth.get_or_insert(self.depth) != self.depth
            || self.nested.lengths.len() > self.depth
        {
            return Err(E::custom("lists and numbers are mixed at one depth"));
        }
        *self.remaining = self
            .remaining
            .checked_sub(1)
            .ok_or_else(|| E::custom(format!("more than {MAX_JSON_NUMBERS} numbers; use .npz")))?;
        self.nested.numbers.push(number);
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Level<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Level<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number or nested lists of numbers")
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        self.number(JsonNumber::Integer(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        let number = i64::try_from(value).map_or(JsonNumber::Real(value as f64), JsonNumber::Integer);
        self.number(number)
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<(), E> {
        self.number(JsonNumber::Real(value))
    }

    /// Without the text, which can be long.
    fn visit_str<E: Error>(self, _: &str) -> Result<(), E> {
        Err(E::invalid_type(Unexpected::Other("string"), &self))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let Self { nested, remaining, depth } = self;
        if depth == MAX_RANK {
            return Err(A::Error::custom(format!("lists nest deeper than {MAX_RANK}")));
        }
        if nested.depth.is_some_and(|numbers| numbers <= depth) {
            return Err(A::Error::custom("lists and numbers are mixed at one depth"));
        }
        if nested.lengths.len() <= depth {
            nested.lengths.push(None);
        }
        let mut length = 0;
        while seq.next_element_seed(Level { nested, remaining, depth: depth + 1 })?.is_some() {
            length += 1;
        }
        match nested.lengths.get_mut(depth).map(|known| *known.get_or_insert(length)) {
            Some(known) if known != length => {
                Err(A::Error::custom(format!("lists at depth {depth} have {known} and {length} entries")))
            }
            _ => Ok(()),
        }
    }
}
