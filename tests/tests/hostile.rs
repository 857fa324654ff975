//! Hostile files are refused with an error that says what is wrong and where, in bounded memory.

use lemma_circuits::import::import;
use lemma_prover::inputs;
use lemma_tests::{Entry, fixtures, manifest};

/// Far below what the files claim: they ask for up to 2^102 elements, or unpack to 48 MiB behind small headers.
const PEAK_MEMORY_KIB: u64 = 256 << 10;

fn hostile(folder: &str) -> Vec<Entry> {
    let found: Vec<Entry> = manifest().into_iter().filter(|entry| entry.path.starts_with(folder)).collect();
    assert!(found.len() >= 50, "only {} files in {folder}", found.len());
    found
}

fn read(path: &str) -> Vec<u8> {
    std::fs::read(fixtures().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// What is wrong with the refusal of one file, if anything.
fn complaint(entry: &Entry, message: Option<String>) -> Option<String> {
    let Some(message) = message else { return Some(format!("{}: accepted", entry.path)) };
    let lower = message.to_lowercase();
    let missing: Vec<&String> =
        entry.reports.iter().filter(|text| !lower.contains(&text.to_lowercase())).collect();
    if entry.reports.is_empty() || !missing.is_empty() {
        return Some(format!("{}: {missing:?} missing in: {message}", entry.path));
    }
    if message.contains(|character: char| character.is_control()) {
        return Some(format!("{}: control characters in {message:?}", entry.path));
    }
    (message.chars().count() > 4096).then(|| format!("{}: {} characters long", entry.path, message.len()))
}

fn assert_none(complaints: Vec<String>) {
    assert!(complaints.is_empty(), "{} complaints:\n{}", complaints.len(), complaints.join("\n"));
}

/// The largest resident memory of this process so far, where the system tells.
fn peak_memory_kib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

fn assert_memory_was_bounded() {
    if let Some(peak) = peak_memory_kib() {
        assert!(peak < PEAK_MEMORY_KIB, "peak memory {peak} KiB");
    }
}

#[test]
fn models_are_refused_by_name() {
    let complaints = hostile("hostile/models/")
        .into_iter()
        .filter_map(|entry| {
            let message = import(&read(&entry.path), &entry.path).err().map(|error| error.to_string());
            let names_file = message.as_ref().is_none_or(|message| message.starts_with(&entry.path));
            complaint(&entry, message).or((!names_file).then(|| format!("{}: file not named", entry.path)))
        })
        .collect();
    assert_none(complaints);
    assert_memory_was_bounded();
}

#[test]
fn inputs_are_refused_by_name() {
    let complaints = hostile("hostile/inputs/")
        .into_iter()
        .filter_map(|entry| {
            let model =
                entry.model.as_deref().unwrap_or_else(|| panic!("{}: no model in the manifest", entry.path));
            let model = import(&read(model), model).unwrap_or_else(|error| panic!("{error}"));
            let refusal = inputs::read(&read(&entry.path), &model.interface(), None).err();
            complaint(&entry, refusal.map(|error| error.to_string()))
        })
        .collect();
    assert_none(complaints);
    assert_memory_was_bounded();
}

/// A byte flipped or a prefix kept: whatever comes out, it comes out without a panic, in bounded memory, and is a model
/// that the planner would find consistent.
#[test]
fn damaged_models_never_panic() {
    for path in [
        "edge_cases/reshaped.qop.onnx",
        "edge_cases/clip_absorbed.qdq.onnx",
        "operators/add_channel.qdq.onnx",
        "operators/concat_channels.qdq.onnx",
        "operators/conv_dilated_strides.qdq.onnx",
        "operators/depth_to_space.qop.onnx",
        "operators/global_average_channels_last.qop.onnx",
        "operators/max_pool_overlapping.qop.onnx",
        "operators/network_03.qop.onnx",
        "operators/pad_reflect.qop.onnx",
        "operators/resize_scales.qop.onnx",
        "operators/slice.qop.onnx",
        "operators/split.qop.onnx",
        "operators/tile.qop.onnx",
    ] {
        let bytes = read(path);
        for end in 0..bytes.len() {
            let _ = import(&bytes[..end], path);
        }
        for position in 0..bytes.len() {
            for flipped in [0x01, 0x80, 0xff] {
                let mut damaged = bytes.clone();
                damaged[position] ^= flipped;
                if let Ok(model) = import(&damaged, path) {
                    assert_eq!(model.check_consistency(), Ok(()), "{path}, byte {position}");
                }
            }
        }
    }
    assert_memory_was_bounded();
}
