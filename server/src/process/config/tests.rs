use std::{fs, path::PathBuf};

use clap::Parser;

use super::*;

#[derive(Parser)]
struct Flags {
    #[command(flatten)]
    settings: Settings,
}

fn flags(arguments: &[&str]) -> Settings {
    Flags::parse_from(std::iter::once("lemma-server").chain(arguments.iter().copied())).settings
}

fn with_data(arguments: &[&str]) -> Result<Config, ConfigError> {
    Config::load(flags(&[&["--data", "/tmp/lemma"], arguments].concat()))
}

#[test]
fn defaults_are_local_and_small() {
    let config = with_data(&[]).unwrap();
    assert_eq!(config.listen, "127.0.0.1:8080".parse().unwrap());
    assert_eq!((config.parallel, config.queue, config.memory), (1, 64, None));
    assert!(!config.insecure_local_srs);
    assert_eq!(config.threads, Threads::here());
    let config = with_data(&["--verify-threads", "3", "--infer-threads", "5"]).unwrap();
    assert_eq!(config.threads, Threads { verify: 3, infer: 5, ..Threads::here() });
}

#[test]
fn other_addresses_need_a_flag() {
    for address in ["0.0.0.0:1", "192.0.2.1:80", "[::]:80"] {
        let refused = with_data(&["--listen", address]).unwrap_err();
        assert!(matches!(refused, ConfigError::OpenToNetwork { .. }));
        assert!(refused.to_string().contains(address), "{refused}");
        assert!(with_data(&["--listen", address, "--open-to-network"]).is_ok());
    }
    assert!(with_data(&["--listen", "[::1]:0"]).is_ok());
}

#[test]
fn an_address_that_is_none_is_answered_with_an_example() {
    let refused = Flags::try_parse_from(["lemma-server", "--listen", "localhost:8080"]).err().unwrap();
    assert!(refused.to_string().contains("such as 127.0.0.1:8080"), "{refused}");
}

#[test]
fn allowed_hosts_are_hosts() {
    let config = with_data(&["--allowed-hosts", "lemma.example,other.example:8080"]).unwrap();
    let hosts = ["lemma.example", "other.example:8080"].map(|host| host.parse().unwrap());
    assert_eq!(config.allowed_hosts, hosts);
    let refused = with_data(&["--allowed-hosts", "http://lemma.example/"]).unwrap_err();
    assert!(refused.to_string().contains("http://lemma.example/"), "{refused}");
}

#[test]
fn flags_come_before_the_file_and_the_file_before_defaults() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("lemma.toml");
    fs::write(&path, "queue = 3\nparallel = 2\nlisten = \"127.0.0.1:9\"\nlog_format = \"json\"\n").unwrap();
    let config = with_data(&["--config", path.to_str().unwrap(), "--queue", "5"]).unwrap();
    assert_eq!((config.queue, config.parallel, config.listen.port()), (5, 2, 9));
    assert_eq!(config.log_format, LogFormat::Json);
    assert_eq!(config.grace, Duration::from_secs(20));
}

#[test]
fn a_bad_file_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("lemma.toml");
    let load = |path: &PathBuf| with_data(&["--config", path.to_str().unwrap()]).unwrap_err();
    assert!(matches!(load(&path), ConfigError::Read { .. }));
    for text in ["queue = \"many\"", "quueue = 3", "config = \"x\"", "queue = 3\nqueue = 4", "["] {
        fs::write(&path, text).unwrap();
        let error = load(&path);
        assert!(matches!(error, ConfigError::Parse { .. }), "{text}: {error}");
        assert!(error.to_string().contains("lemma.toml"), "{error}");
    }
    fs::write(&path, " ".repeat((1 << 20) + 1)).unwrap();
    assert!(matches!(load(&path), ConfigError::TooLarge { .. }));
}

#[test]
fn values_outside_their_range_are_refused_by_name() {
    for (flag, value, name) in [
        ("--queue", "0", "queue"),
        ("--parallel", "100000", "parallel"),
        ("--memory-mib", "0", "memory_mib"),
        ("--file-mib", "65", "file_mib"),
        ("--body-timeout-seconds", "0", "body_timeout_seconds"),
        ("--prove-timeout-seconds", "86401", "prove_timeout_seconds"),
        ("--worker-silence-seconds", "0", "worker_silence_seconds"),
        ("--infer-threads", "257", "infer_threads"),
    ] {
        let error = with_data(&[flag, value]).unwrap_err();
        assert!(matches!(error, ConfigError::Range { name: got, .. } if got == name), "{error}");
    }
}
