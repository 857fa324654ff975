//! Headers that change what a request means.

use std::time::Duration;

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, HeaderName, HeaderValue, request::Parts},
};
use lemma_verifier::statement::Context;

use crate::http::problem::{Problem, ProblemType};

/// Longest time a response is held back, whatever the caller prefers: proxies give up at 60 s.
pub(crate) const MAX_WAIT: Duration = Duration::from_secs(60);

/// Longest idempotency key in characters.
const MAX_KEY: usize = 255;

/// `Idempotency-Key`: the caller's name for a request it may send again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct IdempotencyKey(pub(crate) Option<String>);

impl<S: Send + Sync> FromRequestParts<S> for IdempotencyKey {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        idempotency_key(&parts.headers).map(Self)
    }
}

fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let mut values = headers.get_all("idempotency-key").iter();
    let (value, more) = (values.next(), values.next());
    let refuse = || {
        Problem::new(
            ProblemType::InvalidParameter,
            format!(
                "Idempotency-Key must be one header of 1 to {MAX_KEY} printable ASCII characters without spaces"
            ),
        )
    };
    match (value.map(HeaderValue::to_str), more) {
        (None, _) => Ok(None),
        (Some(Ok(key)), None) if is_key(key) => Ok(Some(key.to_owned())),
        _ => Err(refuse()),
    }
}

fn is_key(text: &str) -> bool {
    (1..=MAX_KEY).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// `Prefer` of RFC 7240. Preferences that are not known or make no sense are ignored, as it demands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Preferences {
    /// `wait=N`: how long the caller would wait for the result itself.
    pub(crate) wait: Option<Duration>,
}

impl<S: Send + Sync> FromRequestParts<S> for Preferences {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(Self::of(&parts.headers))
    }
}

impl Preferences {
    fn of(headers: &HeaderMap) -> Self {
        let preferences = headers.get_all("prefer").iter().filter_map(|value| value.to_str().ok());
        let wait = preferences.flat_map(|value| value.split(',')).find_map(wait_seconds);
        Self { wait: wait.map(|seconds| Duration::from_secs(seconds).min(MAX_WAIT)) }
    }

    /// `Preference-Applied`, if the response was held back.
    pub(crate) fn applied(self) -> Option<(HeaderName, HeaderValue)> {
        let value = HeaderValue::try_from(format!("wait={}", self.wait?.as_secs())).ok()?;
        Some((HeaderName::from_static("preference-applied"), value))
    }
}

fn wait_seconds(preference: &str) -> Option<u64> {
    let (name, value) = preference.split(';').next()?.split_once('=')?;
    let seconds = value.trim().trim_matches('"');
    name.trim().eq_ignore_ascii_case("wait").then(|| seconds.parse().ok())?
}

/// The caller's context from hexadecimal digits.
///
/// # Errors
/// A [`Problem`] of this kind when they are no bytes, or too many.
pub(crate) fn context_of(hexadecimal: Option<&str>, kind: ProblemType) -> Result<Option<Context>, Problem> {
    let decode = |digits: &str| {
        let bytes = hex::decode(digits).map_err(|error| {
            Problem::new(kind, format!("context is not bytes in hexadecimal digits: {error}"))
        })?;
        Context::new(bytes).map_err(|error| Problem::new(kind, error.to_string()))
    };
    hexadecimal.map(decode).transpose()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: &'static str, values: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(name, HeaderValue::from_str(value).unwrap());
        }
        headers
    }

    #[test]
    fn prefer_wait_is_capped_and_nonsense_is_ignored() {
        let wait = |values: &[&str]| Preferences::of(&headers("prefer", values)).wait.map(|w| w.as_secs());
        assert_eq!(wait(&["wait=7"]), Some(7));
        assert_eq!(wait(&["respond-async, WAIT = \"9\"; x=1"]), Some(9));
        assert_eq!(wait(&["return=minimal", "wait=61"]), Some(60));
        for ignored in ["", "wait", "wait=", "wait=-1", "wait=1.5", "await=3", "respond-async"] {
            assert_eq!(wait(&[ignored]), None, "{ignored}");
        }
    }

    #[test]
    fn idempotency_keys_are_short_and_single() {
        let key = |values: &[&str]| idempotency_key(&headers("idempotency-key", values));
        assert_eq!(key(&[]).unwrap(), None);
        assert_eq!(key(&["a-b"]).unwrap().as_deref(), Some("a-b"));
        for refused in [vec![""], vec!["a b"], vec!["a", "a"], vec!["é"]] {
            assert_eq!(key(&refused).unwrap_err().kind(), ProblemType::InvalidParameter, "{refused:?}");
        }
        assert!(key(&["x".repeat(255).as_str()]).is_ok());
        assert!(key(&["x".repeat(256).as_str()]).is_err());
    }

    #[test]
    fn contexts_have_at_most_32_bytes() {
        let context = |digits: &str| context_of(Some(digits), ProblemType::InvalidRequest);
        assert_eq!(context("00ff").unwrap().unwrap().bytes(), [0, 255]);
        assert!(context(&"00".repeat(32)).is_ok());
        for refused in ["0", "zz", "é", &"00".repeat(33)] {
            assert!(context(refused).is_err(), "{refused}");
        }
    }
}
