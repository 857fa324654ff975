//! The kinds of problems.

use axum::http::StatusCode;

/// What kind of problem it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum ProblemType {
    /// The body is not JSON.
    MalformedJson,
    /// `Host` is missing, there twice or not a host.
    InvalidHost,
    /// A web page of another origin wants to change something.
    ForeignOrigin,
    /// No such path.
    UnknownRoute,
    /// No such model or tag.
    UnknownModel,
    /// No such circuit.
    UnknownCircuit,
    /// No such circuit build.
    UnknownBuild,
    /// No such proof.
    UnknownProof,
    /// The path has no such method.
    MethodNotAllowed,
    /// The body did not arrive in time.
    BodyTimeout,
    /// The service has lost the model.
    ModelLost,
    /// The proof has not been made yet.
    ProofNotFinished,
    /// The proof will never be made.
    ProofNotMade,
    /// The service has lost the proof.
    ProofLost,
    /// The body is larger than the route takes.
    BodyTooLarge,
    /// The circuit is larger than this service proves.
    CircuitTooLarge,
    /// The body has another media type than the route reads.
    UnsupportedMediaType,
    /// The request is for a host this service is not.
    MisdirectedRequest,
    /// The body is JSON, but not what the route reads.
    InvalidRequest,
    /// A part of the path, the query or a header is not what the route reads.
    InvalidParameter,
    /// The file is no ONNX model that can be proven exactly.
    InvalidModel,
    /// The inputs are not the circuit's.
    InvalidInput,
    /// The commitment scheme or its parameters are not to be had here.
    UnsupportedSetup,
    /// The idempotency key was used for another request.
    IdempotencyConflict,
    /// The queue takes no more jobs.
    QueueFull,
    /// All places for this kind of request are taken.
    Busy,
    /// A fault of the service.
    Internal,
    /// The service is shutting down or its storage does not answer.
    Unavailable,
}

impl ProblemType {
    /// All kinds.
    pub const ALL: [Self; 28] = [
        Self::MalformedJson,
        Self::InvalidHost,
        Self::ForeignOrigin,
        Self::UnknownRoute,
        Self::UnknownModel,
        Self::UnknownCircuit,
        Self::UnknownBuild,
        Self::UnknownProof,
        Self::MethodNotAllowed,
        Self::BodyTimeout,
        Self::ModelLost,
        Self::ProofNotFinished,
        Self::ProofNotMade,
        Self::ProofLost,
        Self::BodyTooLarge,
        Self::CircuitTooLarge,
        Self::UnsupportedMediaType,
        Self::MisdirectedRequest,
        Self::InvalidRequest,
        Self::InvalidParameter,
        Self::InvalidModel,
        Self::InvalidInput,
        Self::UnsupportedSetup,
        Self::IdempotencyConflict,
        Self::QueueFull,
        Self::Busy,
        Self::Internal,
        Self::Unavailable,
    ];

    /// Name, status and title.
    const fn row(self) -> (&'static str, StatusCode, &'static str) {
        match self {
            Self::MalformedJson => ("malformed-json", StatusCode::BAD_REQUEST, "The body is not JSON"),
            Self::InvalidHost => ("invalid-host", StatusCode::BAD_REQUEST, "The request names no host"),
            Self::ForeignOrigin => {
                ("foreign-origin", StatusCode::FORBIDDEN, "The request comes from another origin")
            }
            Self::UnknownRoute => ("unknown-route", StatusCode::NOT_FOUND, "There is nothing at this path"),
            Self::UnknownModel => ("unknown-model", StatusCode::NOT_FOUND, "There is no such model"),
            Self::UnknownCircuit => ("unknown-circuit", StatusCode::NOT_FOUND, "There is no such circuit"),
            Self::UnknownBuild => ("unknown-build", StatusCode::NOT_FOUND, "There is no such circuit build"),
            Self::UnknownProof => ("unknown-proof", StatusCode::NOT_FOUND, "There is no such proof"),
            Self::MethodNotAllowed => (
                "method-not-allowed",
                StatusCode::METHOD_NOT_ALLOWED,
                "The path does not answer to this method",
            ),
            Self::BodyTimeout => {
                ("body-timeout", StatusCode::REQUEST_TIMEOUT, "The body did not arrive in time")
            }
            Self::ModelLost => ("model-lost", StatusCode::CONFLICT, "The model has to be uploaded again"),
            Self::ProofNotFinished => {
                ("proof-not-finished", StatusCode::CONFLICT, "The proof has not been made yet")
            }
            Self::ProofNotMade => ("proof-not-made", StatusCode::GONE, "The proof will never be made"),
            Self::ProofLost => ("proof-lost", StatusCode::GONE, "The service has lost the proof"),
            Self::BodyTooLarge => {
                ("body-too-large", StatusCode::PAYLOAD_TOO_LARGE, "The body is larger than the limit")
            }
            Self::CircuitTooLarge => (
                "circuit-too-large",
                StatusCode::PAYLOAD_TOO_LARGE,
                "The circuit is larger than this service proves",
            ),
            Self::UnsupportedMediaType => (
                "unsupported-media-type",
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "The route does not read this media type",
            ),
            Self::MisdirectedRequest => {
                ("misdirected-request", StatusCode::MISDIRECTED_REQUEST, "The request is for another host")
            }
            Self::InvalidRequest => {
                ("invalid-request", StatusCode::UNPROCESSABLE_ENTITY, "The body is not what the route reads")
            }
            Self::InvalidParameter => (
                "invalid-parameter",
                StatusCode::UNPROCESSABLE_ENTITY,
                "A parameter is not what the route reads",
            ),
            Self::InvalidModel => {
                ("invalid-model", StatusCode::UNPROCESSABLE_ENTITY, "The model cannot be proven exactly")
            }
            Self::InvalidInput => {
                ("invalid-input", StatusCode::UNPROCESSABLE_ENTITY, "The inputs are not the circuit's")
            }
            Self::UnsupportedSetup => (
                "unsupported-setup",
                StatusCode::UNPROCESSABLE_ENTITY,
                "The commitment parameters are not to be had here",
            ),
            Self::IdempotencyConflict => (
                "idempotency-conflict",
                StatusCode::UNPROCESSABLE_ENTITY,
                "The idempotency key was used for another request",
            ),
            Self::QueueFull => ("queue-full", StatusCode::TOO_MANY_REQUESTS, "The queue is full"),
            Self::Busy => ("busy", StatusCode::TOO_MANY_REQUESTS, "All places are taken"),
            Self::Internal => ("internal", StatusCode::INTERNAL_SERVER_ERROR, "The service failed"),
            Self::Unavailable => {
                ("unavailable", StatusCode::SERVICE_UNAVAILABLE, "The service takes no requests now")
            }
        }
    }

    /// The kind as a stable lower-case name.
    pub const fn name(self) -> &'static str {
        self.row().0
    }

    /// The HTTP status of every problem of the kind.
    pub const fn status(self) -> StatusCode {
        self.row().1
    }

    /// The kind in words.
    pub const fn title(self) -> &'static str {
        self.row().2
    }

    /// The value of the member `type`.
    pub fn urn(self) -> String {
        format!("urn:lemma:problem:{}", self.name())
    }
}
