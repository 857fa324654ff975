//! Files as answers, which never change.

use std::time::Duration;

use axum::{
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use lemma_verifier::digest::Digest;

/// How long they may be kept by caches.
const KEEP: Duration = Duration::from_secs(86_400);

/// The strong tag of bytes with this digest.
pub(super) fn etag(digest: Digest) -> String {
    format!("\"{digest}\"")
}

/// Whether `If-None-Match` says that the caller has the bytes of this tag.
pub(super) fn has(headers: &HeaderMap, tag: &str) -> bool {
    let values = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    let mut tags = values.flat_map(|value| value.split(',')).map(str::trim);
    tags.any(|known| known == "*" || known.trim_start_matches("W/") == tag)
}

/// The caller has it.
pub(super) fn unchanged(tag: &str) -> Response {
    (StatusCode::NOT_MODIFIED, cached(tag)).into_response()
}

fn cached(tag: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let cache = format!("private, max-age={}, immutable", KEEP.as_secs());
    for (name, value) in [(header::ETAG, tag), (header::CACHE_CONTROL, &cache)] {
        // Tags are hexadecimal digits in quotes.
        if let Ok(value) = HeaderValue::try_from(value) {
            headers.insert(name, value);
        }
    }
    headers
}

/// A file for download.
pub(super) fn download(bytes: Vec<u8>, tag: &str, name: &str) -> Response {
    let mut headers = cached(tag);
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if let Ok(disposition) = HeaderValue::try_from(format!("attachment; filename=\"{name}\"")) {
        headers.insert(header::CONTENT_DISPOSITION, disposition);
    }
    (headers, bytes).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn if_none_match_knows_lists_weak_tags_and_the_star() {
        let has = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::IF_NONE_MATCH, HeaderValue::from_str(value).unwrap());
            has(&headers, "\"ab\"")
        };
        for known in ["\"ab\"", "W/\"ab\"", "\"x\", \"ab\"", "*"] {
            assert!(has(known), "{known}");
        }
        for other in ["ab", "\"a\"", ""] {
            assert!(!has(other), "{other}");
        }
    }
}
