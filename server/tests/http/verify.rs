use std::fs;

use lemma_prover::{
    Circuit, Tensor,
    keys::{Keyring, SetupChoice},
    params::SrsChoice,
    store::Store,
};
use lemma_verifier::{
    artifact::ProofBundle,
    statement::Context,
    verify::{BareKey, Expect},
};
use serde_json::{Value, json};

use crate::support::{Server, directory, settings, shared};

async fn bundle(server: &Server, order: &Value) -> Vec<u8> {
    let proof = server.proof(order).await;
    server.get(proof["bundle"]["href"].as_str().unwrap()).await.is(200).bytes
}

async fn judge(server: &Server, query: &str, bundle: Vec<u8>) -> Value {
    server.post_bytes(&format!("/v1/verify?{query}"), bundle).await.is(200).json
}

#[tokio::test]
async fn a_proof_is_valid_for_its_circuit_and_context() {
    let server = shared();
    let mut order = server.order().await;
    order["context"] = json!("c0ffee");
    let bundle = bundle(server, &order).await;
    let circuit = server.circuit().await;
    let query = format!("circuit={circuit}&context=c0ffee");
    let verdict = judge(server, &query, bundle.clone()).await;
    assert_eq!(verdict["valid"], true, "{verdict}");
    assert_eq!(verdict["insecure_srs"], false);
    assert!(verdict.get("srs").is_none(), "ipa rests on no string: {verdict}");
    assert_eq!(verdict["statement"]["circuit"], circuit);
    assert_eq!((&verdict["circuit"], &verdict["trusted"]), (&json!(circuit), &json!("circuit")));
    assert_eq!(verdict["scheme"], "ipa");
    // The service has built it, and says of which model.
    let built = server.get(&format!("/v1/circuits/{circuit}")).await.is(200).json;
    assert_eq!((&verdict["model"], &verdict["network"]), (&built["model"], &built["network"]));
    let note = verdict["note"].as_str().unwrap();
    assert!(note.contains("which this service built") && note.contains("`lemma compile MODEL`"), "{note}");
    assert_eq!(verdict["statement"]["context"], "c0ffee");
    assert_eq!(verdict["statement"]["inputs"][0]["shape"], json!([1, 64]));
    assert!(verdict["verify_seconds"].as_f64().unwrap() > 0.0);
    // No context demands none, as offline.
    for query in [format!("circuit={circuit}&context=c0ffef"), format!("circuit={circuit}")] {
        let verdict = judge(server, &query, bundle.clone()).await;
        assert_eq!(verdict["valid"], false);
        assert_eq!(verdict["reason"]["code"], "other-context");
    }
}

/// The command line can make keys in the service's store; of which model, the service has not seen.
#[tokio::test]
async fn a_verdict_for_a_circuit_that_the_service_did_not_build_names_no_model() {
    let data = directory("foreign");
    let keyring = Keyring::new(Store::open(&data.join("store")).unwrap());
    let setup = SetupChoice::Kzg(SrsChoice::InsecureLocal);
    let circuit = Circuit::with_setup(crate::support::DIGITS, setup, &keyring).unwrap();
    let proof = circuit.prove(&[Tensor::Integers(&[0; 64])]).unwrap().bundle;
    let network = keyring.circuit(circuit.id()).unwrap().model.to_string();
    let server = Server::start(settings(&data), data);
    let verdict = judge(&server, &format!("circuit={}", circuit.id()), proof).await;
    assert_eq!((&verdict["valid"], &verdict["circuit"]), (&json!(true), &json!(circuit.id().to_string())));
    assert!(verdict.get("model").is_none() && verdict.get("network").is_none(), "{verdict}");
    assert!(!verdict.to_string().contains(&network), "{verdict}");
    let note = verdict["note"].as_str().unwrap();
    assert!(note.contains("knows no model") && note.contains("`lemma compile MODEL --scheme kzg`"), "{note}");
}

#[tokio::test]
async fn the_service_and_the_command_judge_alike() {
    let server = shared();
    let circuit = server.circuit().await;
    let directory = tempfile::tempdir().unwrap();
    let (proof, vk) = (directory.path().join("x.proof"), directory.path().join("x.vk"));
    std::fs::write(&vk, server.get(&format!("/v1/circuits/{circuit}/vk")).await.is(200).bytes).unwrap();
    let key = BareKey::read(&std::fs::read(&vk).unwrap()).unwrap();
    for made in [None, Some("c0ffee")] {
        let mut order = server.order().await;
        order["context"] = json!(made);
        std::fs::write(&proof, bundle(server, &order).await).unwrap();
        let bytes = std::fs::read(&proof).unwrap();
        for demanded in [None, Some("c0ffee"), Some("00")] {
            let query = demanded.map(|context| format!("&context={context}")).unwrap_or_default();
            let verdict = judge(server, &format!("circuit={circuit}{query}"), bytes.clone()).await;
            // What `lemma verify` demands: the context that is named, or none.
            let context = Context::new(hex::decode(demanded.unwrap_or_default()).unwrap()).unwrap();
            let expect =
                Expect { circuit: key.circuit_id(), context: Some(context), allow_insecure_srs: false };
            let offline = key.check_bundle(&bytes, &expect).is_ok();
            assert_eq!(verdict["valid"], offline, "made in {made:?}, demanded {demanded:?}: {verdict}");
            assert_eq!(offline, made == demanded);
        }
    }
}

#[tokio::test]
async fn what_is_not_proven_is_invalid_and_never_an_error() {
    let server = shared();
    let good = bundle(server, &server.order().await).await;
    let circuit = server.circuit().await;
    let query = format!("circuit={circuit}");
    let parts = ProofBundle::decode(&good).unwrap();
    let changed = |change: fn(&mut ProofBundle)| {
        let mut parts = parts.clone();
        change(&mut parts);
        parts.encode().unwrap()
    };
    let mut flipped = good.clone();
    flipped[good.len() / 2] ^= 1;
    for (code, bytes) in [
        ("not-a-proof", b"not a proof".to_vec()),
        ("not-a-proof", flipped),
        ("not-a-proof", good[..good.len() - 1].to_vec()),
        ("not-a-proof", [&good[..], &[0]].concat()),
        ("other-circuit", changed(|parts| parts.circuit.0[0] ^= 1)),
        ("proof-length", changed(|parts| parts.proof.push(0))),
        ("statement", changed(|parts| parts.statement.push(0))),
        ("not-proven", changed(|parts| *parts.statement.last_mut().unwrap() ^= 1)),
        ("encoding", changed(|parts| parts.proof[..32].fill(0xff))),
    ] {
        let verdict = judge(server, &query, bytes).await;
        assert_eq!(verdict["valid"], false);
        assert_eq!(verdict["reason"]["code"], code, "{verdict}");
        assert!(verdict.get("statement").is_none() && verdict.get("note").is_none());
        assert_eq!(verdict["circuit"], circuit, "never the proof's own: {verdict}");
    }
}

#[tokio::test]
async fn requests_that_make_no_sense_are_no_verdicts() {
    let server = shared();
    let circuit = server.circuit().await;
    let verify = async |query: &str| server.post_bytes(&format!("/v1/verify{query}"), "x").await;
    for query in [
        String::new(),
        format!("?circuit={circuit}&context=0"),
        format!("?circuit={circuit}&context=zz"),
        format!("?circuit={circuit}&context={}", "00".repeat(33)),
        format!("?circuit={circuit}&circuit={circuit}"),
        format!("?circuit={circuit}&surprise=1"),
    ] {
        verify(&query).await.problem("invalid-parameter", 422);
    }
    for id in ["0".repeat(64), "x".into(), String::new()] {
        verify(&format!("?circuit={id}")).await.problem("unknown-circuit", 404);
    }
    server.post_bytes(&format!("/v1/verify?circuit={circuit}"), "").await.problem("invalid-request", 422);
}

#[tokio::test]
async fn a_damaged_key_is_no_verdict_and_can_be_built_again() {
    let data = directory("damaged-key");
    let proof = {
        let server = Server::start(settings(&data), data.clone());
        bundle(&server, &server.order().await).await
    };
    let circuit = ProofBundle::decode(&proof).unwrap().circuit;
    let query = format!("/v1/verify?circuit={circuit}");
    let record = data.join(format!("store/records/circuit/{circuit}"));
    let key = fs::read_dir(data.join("store/objects/vk")).unwrap().next().unwrap().unwrap().path();
    let damages: [&dyn Fn(); 4] = [
        &|| fs::write(&record, b"damaged").unwrap(),
        &|| fs::remove_file(&record).unwrap(),
        &|| fs::write(&key, b"damaged").unwrap(),
        &|| fs::remove_dir_all(data.join("store")).unwrap(),
    ];
    for damage in damages {
        // Keys stay in the memory of a service that has used them.
        let server = Server::start(settings(&data), data.clone());
        damage();
        let refused = server.post_bytes(&query, proof.clone()).await;
        assert!(refused.problem("unavailable", 503).contains("POST /v1/circuits"));
        server.build(&json!({ "model": "digits:test" })).await;
        assert_eq!(server.post_bytes(&query, proof.clone()).await.is(200).json["valid"], true);
        server.get("/readyz").await.is(200);
    }
}

#[tokio::test]
async fn proofs_that_rest_on_local_parameters_need_the_services_consent() {
    let data = directory("insecure");
    let request = json!({ "model": "digits:test", "scheme": "kzg", "insecure_local_srs": true });
    let (circuit, proof) = {
        let server = Server::start(settings(&data), data.clone());
        server.circuit().await;
        let circuit = server.build(&request).await;
        let order = json!({ "circuit": circuit, "inputs": crate::support::digit() });
        let proof = bundle(&server, &order).await;
        let verdict = judge(&server, &format!("circuit={circuit}"), proof.clone()).await;
        assert_eq!(verdict["valid"], true, "{verdict}");
        assert_eq!(verdict["insecure_srs"], true, "{verdict}");
        assert_eq!(verdict["srs"]["id"].as_str().unwrap().len(), 64, "{verdict}");
        assert!(verdict["srs"].get("ceremony").is_none(), "it was drawn here: {verdict}");
        let described = server.get(&format!("/v1/circuits/{circuit}")).await.is(200).json;
        assert_eq!(described["srs"], verdict["srs"]);
        (circuit, proof)
    };
    let settings = lemma_server::process::config::Settings { insecure_local_srs: None, ..settings(&data) };
    let server = Server::start(settings, data);
    let verdict = judge(&server, &format!("circuit={circuit}"), proof).await;
    assert_eq!(verdict["reason"]["code"], "insecure-srs", "{verdict}");
    assert_eq!(verdict["insecure_srs"], true, "{verdict}");
    let mut order = json!({ "circuit": circuit, "inputs": crate::support::digit() });
    for route in ["/v1/proofs", "/v1/infer"] {
        server.post_json(route, &order).await.problem("unsupported-setup", 422);
    }
    order["prove"] = json!(false);
    server.post_json("/v1/infer", &order).await.is(200);
    let other = json!({ "model": server.get(&format!("/v1/circuits/{circuit}")).await.json["model"], "scheme": "kzg",
        "insecure_local_srs": true });
    let softmax = server.post_bytes("/v1/models", crate::support::SOFTMAX).await.json["id"].clone();
    let new = json!({ "model": softmax, "scheme": "kzg", "insecure_local_srs": true });
    for request in [other, new] {
        let refused = server.post_json("/v1/circuits", &request).await;
        assert!(refused.problem("unsupported-setup", 422).contains("--insecure-local-srs"));
    }
}
