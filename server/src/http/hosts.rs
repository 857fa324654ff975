//! Which hosts and origins the service answers to.
//!
//! There is no authentication, so whoever can send requests can use the service; and every web page that a browser on
//! this machine shows can send some. A page whose name is made to point at this machine (DNS rebinding) could even read
//! the answers, but its requests carry its own name in `Host`. A page that only sends carries its name in `Origin`.

use std::{
    net::{Ipv6Addr, SocketAddr},
    str::FromStr,
};

use axum::{
    extract::{Request, State},
    http::{HeaderMap, Method, Version, header, uri::Authority},
    middleware::Next,
    response::{IntoResponse, Response},
};

use super::problem::{Problem, ProblemType};

/// Longest host that is repeated in an answer, in characters.
const MAX_SHOWN: usize = 200;

/// Ports that a URL leaves out.
const DEFAULT_PORTS: [u16; 2] = [80, 443];

/// A host and, if it is given, a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    /// In lower case; an IPv6 address in brackets.
    name: String,
    port: Option<u16>,
}

/// The text is not `name`, `name:port` or the same with an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a host or host:port")]
pub struct NoHost;

impl FromStr for Host {
    type Err = NoHost;

    fn from_str(text: &str) -> Result<Self, NoHost> {
        let authority: Authority = text.parse().map_err(|_| NoHost)?;
        let (name, port) = (authority.host().to_ascii_lowercase(), authority.port_u16());
        let written = authority.as_str().get(name.len()..).ok_or(NoHost)?;
        if name.is_empty() || text.contains('@') || (port.is_none() && !written.is_empty()) {
            return Err(NoHost);
        }
        match name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            Some(address) => {
                let address: Ipv6Addr = address.parse().map_err(|_| NoHost)?;
                Ok(Self { name: format!("[{address}]"), port })
            }
            None => Ok(Self { name, port }),
        }
    }
}

/// The hosts a service answers to.
#[derive(Clone, Debug)]
pub(super) struct Hosts {
    listed: Vec<Host>,
    any: bool,
}

impl Hosts {
    /// The hosts of a service that listens here and answers to these names besides; `any` if there are none and access is
    /// restricted elsewhere.
    pub(super) fn new(address: SocketAddr, open_to_network: bool, allowed: &[Host]) -> Self {
        let mut name = address.to_string();
        name.truncate(name.rfind(':').unwrap_or(name.len()));
        let own = ["localhost", "127.0.0.1", "[::1]", &name]
            .map(|name| Host { name: name.to_owned(), port: Some(address.port()) });
        let any = open_to_network && allowed.is_empty();
        Self { listed: own.into_iter().chain(allowed.iter().cloned()).collect(), any }
    }

    fn answer_to(&self, host: &Host) -> bool {
        let same_port = |listed: Option<u16>| match (listed, host.port) {
            (Some(listed), Some(got)) => listed == got,
            (Some(listed), None) => DEFAULT_PORTS.contains(&listed),
            (None, _) => true,
        };
        self.any || self.listed.iter().any(|listed| listed.name == host.name && same_port(listed.port))
    }

    /// Checks whom a request is for and where it comes from.
    fn check(&self, request: &Request) -> Result<(), Problem> {
        let target = request.uri().authority().map(Authority::as_str);
        let host = self.host(request.headers(), request.version())?;
        if let Some(target) = target {
            self.known(target)?;
        }
        match request.method() {
            &Method::GET | &Method::HEAD | &Method::OPTIONS | &Method::TRACE => Ok(()),
            _ => same_origin(request.headers(), host.as_ref()),
        }
    }

    /// The value of `Host`, which only HTTP/1.0 may leave out.
    fn host(&self, headers: &HeaderMap, version: Version) -> Result<Option<Host>, Problem> {
        let mut values = headers.get_all(header::HOST).iter();
        match (values.next(), values.next()) {
            (None, _) if version < Version::HTTP_11 => Ok(None),
            (Some(host), None) => self.known(host.to_str().unwrap_or_default()).map(Some),
            (None, _) | (Some(_), Some(_)) => {
                Err(Problem::new(ProblemType::InvalidHost, "a request has exactly one header Host"))
            }
        }
    }

    fn known(&self, text: &str) -> Result<Host, Problem> {
        let shown: String = text.chars().take(MAX_SHOWN).collect();
        let host: Host = text.parse().map_err(|error: NoHost| {
            Problem::new(ProblemType::InvalidHost, format!("the request is for {shown:?}, which is {error}"))
        })?;
        if self.answer_to(&host) {
            return Ok(host);
        }
        Err(Problem::new(
            ProblemType::MisdirectedRequest,
            format!(
                "the request is for {shown:?}, which is no name of this service; use the address it listens on, or \
                 start it with --allowed-hosts"
            ),
        ))
    }
}

/// Refuses requests that change something and come from a page of another origin. Programs send neither header.
fn same_origin(headers: &HeaderMap, host: Option<&Host>) -> Result<(), Problem> {
    let site = headers.get_all("sec-fetch-site").iter();
    let cross_site = site.into_iter().any(|value| value.as_bytes().eq_ignore_ascii_case(b"cross-site"));
    let foreign = headers.get_all(header::ORIGIN).iter().any(|origin| {
        let origin = origin.to_str().unwrap_or_default();
        !host.is_some_and(|host| is_origin_of(origin, host))
    });
    if !cross_site && !foreign {
        return Ok(());
    }
    Err(Problem::new(
        ProblemType::ForeignOrigin,
        "the request comes from a web page of another origin; only this service's own pages may change something",
    ))
}

/// Whether pages of this host have this origin; `null` is the origin of nothing.
fn is_origin_of(origin: &str, host: &Host) -> bool {
    let (default, rest) = match origin.split_once("://") {
        Some(("http", rest)) => (80, rest),
        Some(("https", rest)) => (443, rest),
        _ => return false,
    };
    let Ok(origin) = rest.parse::<Host>() else { return false };
    origin.name == host.name && origin.port.unwrap_or(default) == host.port.unwrap_or(default)
}

/// Lets through what is for this service and not sent by somebody else's page.
pub(super) async fn check(State(hosts): State<Hosts>, request: Request, next: Next) -> Response {
    match hosts.check(&request) {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}

#[cfg(test)]
mod tests {
    use axum::{body::Body, http::request::Builder};

    use super::*;

    fn hosts(listen: &str, open_to_network: bool, allowed: &[&str]) -> Hosts {
        let allowed: Vec<Host> = allowed.iter().map(|host| host.parse().unwrap()).collect();
        Hosts::new(listen.parse().unwrap(), open_to_network, &allowed)
    }

    fn refusal(hosts: &Hosts, request: Builder) -> Option<ProblemType> {
        hosts.check(&request.body(Body::empty()).unwrap()).err().map(|problem| problem.kind())
    }

    #[test]
    fn a_local_service_answers_to_local_names_with_its_port() {
        let local = hosts("127.0.0.1:8080", false, &["lemma.test", "other.test:81"]);
        let get = |host: &str| refusal(&local, Request::get("/").header("host", host));
        for host in [
            "localhost:8080",
            "LOCALHOST:8080",
            "127.0.0.1:8080",
            "[::1]:8080",
            "[0:0::1]:8080",
            "lemma.test",
            "lemma.test:9",
            "other.test:81",
        ] {
            assert_eq!(get(host), None, "{host}");
        }
        for host in [
            "evil.example:8080",
            "localhost",
            "localhost:8081",
            "127.0.0.1:80",
            "localhost.evil.example:8080",
            "192.0.2.1:8080",
            "other.test",
        ] {
            assert_eq!(get(host), Some(ProblemType::MisdirectedRequest), "{host}");
        }
        for host in ["", "a b", "localhost:x", "localhost:", "x@localhost:8080", "[::1", "[x]:8080", "é"] {
            assert_eq!(get(host), Some(ProblemType::InvalidHost), "{host}");
        }
        let other = hosts("127.0.0.2:80", false, &[]);
        assert_eq!(refusal(&other, Request::get("/").header("host", "127.0.0.2")), None);
    }

    #[test]
    fn the_target_counts_as_well_as_the_header() {
        let local = hosts("127.0.0.1:8080", false, &[]);
        let get = |target: &str| refusal(&local, Request::get(target).header("host", "localhost:8080"));
        assert_eq!(get("http://127.0.0.1:8080/livez"), None);
        assert_eq!(get("http://evil.example/livez"), Some(ProblemType::MisdirectedRequest));
        assert_eq!(refusal(&local, Request::get("/")), Some(ProblemType::InvalidHost));
        assert_eq!(refusal(&local, Request::get("/").version(Version::HTTP_10)), None);
        let twice = Request::get("/").header("host", "localhost:8080").header("host", "localhost:8080");
        assert_eq!(refusal(&local, twice), Some(ProblemType::InvalidHost));
    }

    #[test]
    fn an_open_service_answers_to_any_name_unless_some_are_listed() {
        let get = |hosts: &Hosts, host: &str| refusal(hosts, Request::get("/").header("host", host));
        let any = hosts("0.0.0.0:8080", true, &[]);
        assert_eq!(get(&any, "anything.example"), None);
        assert_eq!(refusal(&any, Request::get("/")), Some(ProblemType::InvalidHost));
        let listed = hosts("0.0.0.0:8080", true, &["lemma.example"]);
        assert_eq!(get(&listed, "lemma.example:443"), None);
        assert_eq!(get(&listed, "localhost:8080"), None);
        assert_eq!(get(&listed, "anything.example"), Some(ProblemType::MisdirectedRequest));
    }

    #[test]
    fn pages_of_other_origins_change_nothing() {
        let local = hosts("127.0.0.1:8080", false, &["lemma.test"]);
        let send = |method: &str, host: &str, name: &str, value: &str| {
            refusal(
                &local,
                Request::builder().method(method).uri("/").header("host", host).header(name, value),
            )
        };
        for (host, origin) in [
            ("localhost:8080", "http://localhost:8080"),
            ("lemma.test", "https://lemma.test"),
            ("lemma.test:443", "https://lemma.test"),
            ("lemma.test", "http://lemma.test:80"),
        ] {
            assert_eq!(send("POST", host, "origin", origin), None, "{origin}");
        }
        for origin in
            ["null", "", "http://evil.example", "http://localhost:3000", "http://127.0.0.1:8080", "x"]
        {
            for method in ["POST", "PUT", "DELETE"] {
                let refused = send(method, "localhost:8080", "origin", origin);
                assert_eq!(refused, Some(ProblemType::ForeignOrigin), "{origin}");
            }
            assert_eq!(send("GET", "localhost:8080", "origin", origin), None);
        }
        let site = |value| send("POST", "localhost:8080", "sec-fetch-site", value);
        assert_eq!(site("cross-site"), Some(ProblemType::ForeignOrigin));
        assert_eq!(site("same-origin"), None);
        assert_eq!(site("none"), None);
    }
}
