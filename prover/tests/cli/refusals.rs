//! Models that are refused, with every reason at once.

use crate::{
    arguments, onnx,
    session::{directory, lemma_json, refusal},
};

#[test]
fn every_reason_is_told_at_once() {
    let path = directory().join("reasons.onnx");
    let names = ["a", "b", "c", "d", "e", "f"];
    let mut nodes: Vec<(&str, &str, &str)> = names.iter().map(|name| ("TopK", "x", *name)).collect();
    nodes.push(("GridSample", "x", "g"));
    nodes.push(("Relu", "g", "follows"));
    nodes.push(("Sub", "x", "difference"));
    std::fs::write(&path, onnx::model(8, &nodes, &[&names[..], &["follows", "difference"]].concat()))
        .unwrap();

    let cut = refusal(arguments!["compile", path], 2);
    assert!(cut.contains("reasons.onnx: 8 reasons\noperators that are not supported:\n"), "{cut}");
    assert!(cut.contains("node 'd node' (TopK) and 2 more\n") && !cut.contains("'e node'"), "{cut}");
    assert!(cut.contains("GridSample is not supported") && !cut.contains("follows"), "{cut}");
    assert!(cut.ends_with("`lemma compile --all-reasons` lists what is left out here"), "{cut}");
    let whole = refusal(arguments!["compile", path, "--all-reasons"], 2);
    assert!(whole.contains("node 'e node' (TopK), node 'f node' (TopK)\n"), "{whole}");
    assert!(!whole.contains("--all-reasons"), "{whole}");

    let (_, json) = lemma_json(arguments!["run", path, "--input", "x.npz"]);
    let reasons = json["error"]["reasons"].as_array().unwrap();
    assert_eq!(reasons.len(), 8, "{json}");
    assert_eq!(reasons[6]["operator"], "GridSample");
    assert_eq!((&reasons[0]["group"], &reasons[0]["node"]), (&"operator".into(), &"a node".into()));
    assert!(reasons[0]["message"].as_str().unwrap().starts_with("operator TopK is not supported"));
}

#[test]
fn one_reason_is_one_line() {
    let path = directory().join("reason.onnx");
    std::fs::write(&path, onnx::model(8, &[("TopK", "x", "y")], &["y"])).unwrap();
    for arguments in
        [arguments!["compile", path].to_vec(), arguments!["compile", path, "--all-reasons"].to_vec()]
    {
        let text = refusal(&arguments, 2);
        assert!(text.contains("reason.onnx: node 'y node' (TopK): operator TopK is not supported"), "{text}");
        assert!(!text.contains('\n'), "{text}");
    }
}
