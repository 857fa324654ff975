//! `.npz` archives: a zip of `.npy` members.

use std::io::{Cursor, Read};

use lemma_verifier::interface::{Interface, Port};
use zip::{ZipArchive, result::ZipError};

use super::{
    InputError, describe_inputs, integers,
    npy::Header,
    rows::Rows,
    shown::{list_names, shown},
};

/// Most members of an archive.
const MAX_MEMBERS: u64 = 1024;

/// Archives that hold inputs and outputs together, as the fixtures do, tell them apart by prefixes.
const INPUT_PREFIX: &str = "input.";

/// By input the integers of the rows.
pub(super) fn read(
    bytes: &[u8],
    interface: &Interface,
    rows: &Rows,
) -> Result<Vec<Vec<Vec<i32>>>, InputError> {
    let listed = members_listed(bytes);
    if listed > MAX_MEMBERS {
        return Err(InputError::TooManyMembers { limit: MAX_MEMBERS, got: listed });
    }
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(damaged)?;
    interface.inputs.iter().map(|input| read_array(&mut archive, interface, input, rows)).collect()
}

fn read_array(
    archive: &mut ZipArchive<Cursor<&[u8]>>,
    interface: &Interface,
    input: &Port,
    rows: &Rows,
) -> Result<Vec<Vec<i32>>, InputError> {
    let name = &input.name;
    let mut found: Vec<String> =
        archive.file_names().map(|member| member.strip_suffix(".npy").unwrap_or(member).to_owned()).collect();
    found.sort();
    let candidates = [format!("{name}.npy"), format!("{INPUT_PREFIX}{name}.npy")];
    let index =
        candidates.iter().find_map(|candidate| archive.index_for_name(candidate)).ok_or_else(|| {
            InputError::MissingArray {
                name: name.clone(),
                expected: describe_inputs(interface),
                found: list_names(&found),
            }
        })?;
    let mut member = archive.by_index(index).map_err(damaged)?;
    let header = Header::read(name, &mut member)?;
    let rows = rows.find(name, &header.shape, &input.shape)?;

    // The header promises at most MAX_ARRAY_BYTES; a member that goes on is not read further than one byte.
    let mut data = Vec::new();
    let malformed = |reason: String| InputError::Npy { name: name.clone(), reason };
    let read = member
        .take(header.data_bytes as u64 + 1)
        .read_to_end(&mut data)
        .map_err(|error| malformed(format!("its elements: {error}")))?;
    if read != header.data_bytes {
        let got = if read > header.data_bytes { "more".to_owned() } else { read.to_string() };
        return Err(malformed(format!(
            "its header promises {} bytes of elements, it has {got}",
            header.data_bytes
        )));
    }
    rows.into_iter().map(|row| integers(input, header.decode(&data, row))).collect()
}

/// An upper bound of the members the archive's directory lists, found without trusting its counts: the zip
/// reader reserves memory for as many as the directory claims.
fn members_listed(bytes: &[u8]) -> u64 {
    const DIRECTORY_ENTRY: &[u8] = b"PK\x01\x02";
    const END_OF_DIRECTORY_64: &[u8] = b"PK\x06\x06";
    const MEMBER_COUNT_OFFSET: usize = 32;
    let entries = bytes.windows(4).filter(|window| *window == DIRECTORY_ENTRY).count() as u64;
    let claimed = bytes
        .windows(MEMBER_COUNT_OFFSET + 8)
        .filter(|window| window.starts_with(END_OF_DIRECTORY_64))
        .filter_map(|window| window.last_chunk::<8>().map(|count| u64::from_le_bytes(*count)));
    claimed.max().unwrap_or(0).max(entries)
}

fn damaged(error: ZipError) -> InputError {
    InputError::Archive { reason: shown(&error.to_string()) }
}
