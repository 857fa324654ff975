//! What a service run as a program prints, logs and leaves behind.

use std::{
    fs,
    io::{BufRead, BufReader, Read},
    net::SocketAddr,
    path::Path,
    process::{Child, Command, Stdio},
    thread,
};

use serde_json::json;

use crate::support::{DIGITS, directory};

/// A pixel nobody would write by chance.
const MARKER: f64 = 0.707_070_7;

struct Program(Child);

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn start(arguments: &[&str], data: &Path) -> Program {
    // Whoever runs the tests may have SIGHUP ignored, which processes inherit.
    let mut command = Command::new("env");
    command
        .args([
            "--default-signal=HUP",
            env!("CARGO_BIN_EXE_lemma-server"),
            "serve",
            "--data",
            data.to_str().unwrap(),
        ])
        .args(arguments);
    Program(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap())
}

/// The address the program prints first.
fn address(printed: &mut impl BufRead) -> SocketAddr {
    let mut line = String::new();
    printed.read_line(&mut line).unwrap();
    line.split("http://").nth(1).unwrap().split(',').next().unwrap().parse().unwrap()
}

/// Uploads the digits network to the service at `url` and builds its circuit; the build.
async fn build(http: &reqwest::Client, url: &str) -> serde_json::Value {
    let upload = http
        .post(format!("{url}/v1/models?tag=digits:log"))
        .header("content-type", "application/octet-stream");
    assert!(upload.body(DIGITS).send().await.unwrap().status().is_success());
    let build = http.post(format!("{url}/v1/circuits")).header("prefer", "wait=60");
    build.json(&json!({ "model": "digits:log" })).send().await.unwrap().json().await.unwrap()
}

#[tokio::test]
async fn no_value_of_an_input_is_logged_or_left_on_the_disk() {
    let data = directory("logs");
    let mut program = start(
        &["--listen", "127.0.0.1:0", "--log", "debug,sqlx=trace,hyper=info", "--log-format", "json"],
        &data,
    );
    let mut printed = BufReader::new(program.0.stdout.take().unwrap());
    let mut logged = program.0.stderr.take().unwrap();
    let log = thread::spawn(move || {
        let mut text = String::new();
        logged.read_to_string(&mut text).unwrap();
        text
    });
    let address = address(&mut printed);
    let mut warning = String::new();
    printed.read_line(&mut warning).unwrap();
    assert!(warning.contains("no authentication"), "{warning}");

    let http = reqwest::Client::new();
    let url = |path: &str| format!("http://{address}{path}");
    let build = build(&http, &url("")).await;
    let circuit = build["circuit"].as_str().unwrap();
    let inputs = json!({ "pixels": [vec![MARKER; 64]] });
    let order = json!({ "circuit": circuit, "inputs": inputs });
    let proof = http.post(url("/v1/proofs")).header("prefer", "wait=60").header("x-request-id", "marked");
    let proof: serde_json::Value = proof.json(&order).send().await.unwrap().json().await.unwrap();
    assert_eq!(proof["status"], "succeeded", "{proof}");
    assert!(http.post(url("/v1/infer")).json(&order).send().await.unwrap().status().is_success());
    let wrong = json!({ "circuit": circuit, "inputs": { "pixels": [vec![MARKER; 63]] } });
    assert_eq!(http.post(url("/v1/infer")).json(&wrong).send().await.unwrap().status(), 422);

    send(&program, "-TERM");
    assert!(program.0.wait().unwrap().success());
    let log = log.join().unwrap();
    assert!(log.contains("\"request_id\":\"marked\""), "{log}");
    assert!(log.contains("/v1/infer"));
    let job = proof["id"].as_str().unwrap();
    let links = |line: &&str| line.contains("\"request_id\":\"marked\"") && line.contains(job);
    assert!(log.lines().any(|line| links(&line)), "no line has the request's id and the job's");
    let marker = MARKER.to_string();
    for line in log.lines() {
        assert!(!line.contains(&marker), "{line}");
    }
    scan(&data, marker.as_bytes());
}

#[tokio::test]
async fn a_log_nobody_reads_does_not_disturb_the_service() {
    let data = directory("unread");
    let mut program = start(&["--listen", "127.0.0.1:0", "--log", "debug"], &data);
    let address = address(&mut BufReader::new(program.0.stdout.take().unwrap()));
    drop(program.0.stderr.take());
    let http = reqwest::Client::new();
    let url = |path: &str| format!("http://{address}{path}");
    let build = build(&http, &url("")).await;
    assert_eq!(build["status"], "succeeded", "{build}");
    send(&program, "-TERM");
    assert!(program.0.wait().unwrap().success());
}

#[tokio::test]
async fn a_log_in_a_file_has_no_colors() {
    let data = directory("colors");
    let mut program = start(&["--listen", "127.0.0.1:0"], &data);
    address(&mut BufReader::new(program.0.stdout.take().unwrap()));
    send(&program, "-TERM");
    let mut log = String::new();
    program.0.stderr.take().unwrap().read_to_string(&mut log).unwrap();
    assert!(log.contains("told to stop") && !log.contains('\x1b'), "{log:?}");
}

fn scan(directory: &Path, marker: &[u8]) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            scan(&path, marker);
        } else {
            let bytes = fs::read(&path).unwrap();
            assert!(!bytes.windows(marker.len()).any(|window| window == marker), "{}", path.display());
        }
    }
}

#[test]
fn unusable_arguments_end_with_2_and_say_why() {
    let data = directory("refused");
    for (arguments, part) in [
        (vec!["--listen", "0.0.0.0:0"], "--open-to-network"),
        (vec!["--queue", "0"], "queue is 0"),
        (vec!["--config", "/nonexistent/lemma.toml"], "/nonexistent/lemma.toml"),
        (vec!["--log", "=loud"], "log filter"),
        (vec!["--surprise"], "--surprise"),
    ] {
        let mut program = start(&arguments, &data);
        let mut text = String::new();
        program.0.stderr.take().unwrap().read_to_string(&mut text).unwrap();
        assert_eq!(program.0.wait().unwrap().code(), Some(2), "{arguments:?}: {text}");
        assert!(text.contains(part), "{arguments:?}: {text}");
    }
}

/// Sends a signal to a running service.
fn send(program: &Program, signal: &str) {
    let sent = Command::new("kill").args([signal, &program.0.id().to_string()]).status().unwrap();
    assert!(sent.success());
}

#[tokio::test]
async fn a_hangup_ends_the_service_in_order_and_probes_leave_no_line() {
    let mut program = start(&["--listen", "127.0.0.1:0"], &directory("hangup"));
    let mut printed = BufReader::new(program.0.stdout.take().unwrap());
    let mut logged = program.0.stderr.take().unwrap();
    let address = address(&mut printed);
    for route in ["livez", "readyz", "metrics", "v1/info"] {
        let answer = reqwest::get(format!("http://{address}/{route}")).await.unwrap();
        assert!(answer.status().is_success(), "{route}");
    }
    send(&program, "-HUP");
    assert!(program.0.wait().unwrap().success());
    let mut log = String::new();
    logged.read_to_string(&mut log).unwrap();
    assert!(log.contains("told to stop") && log.contains("stopped"), "{log}");
    assert!(log.contains("/v1/info"), "{log}");
    for route in ["/livez", "/readyz", "/metrics"] {
        assert!(!log.contains(route), "{log}");
    }
}

#[tokio::test]
async fn a_service_that_was_started_to_outlive_its_terminal_does() {
    let data = directory("nohup");
    let mut command = Command::new("sh");
    let script = "trap '' HUP; exec \"$0\" serve --listen 127.0.0.1:0 --data \"$1\"";
    command.args(["-c", script, env!("CARGO_BIN_EXE_lemma-server"), data.to_str().unwrap()]);
    let mut program = Program(command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap());
    let mut printed = BufReader::new(program.0.stdout.take().unwrap());
    let address = address(&mut printed);
    send(&program, "-HUP");
    for _ in 0..5 {
        std::thread::sleep(std::time::Duration::from_millis(100));
        let answer = reqwest::get(format!("http://{address}/readyz")).await.unwrap();
        assert!(answer.status().is_success());
    }
    send(&program, "-TERM");
    assert!(program.0.wait().unwrap().success());
}
