//! Bedrock's own refusals: a status, a type and a message.

/// A request that Bedrock would not serve.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    pub(crate) kind: String,
    pub(crate) message: String,
}

impl Refusal {
    /// A body that the service or the model does not accept.
    pub(crate) fn validation(message: impl Into<String>) -> Self {
        Self::new(400, "ValidationException", message)
    }

    pub(crate) fn new(status: u16, kind: &str, message: impl Into<String>) -> Self {
        Self {
            status,
            kind: kind.to_owned(),
            message: message.into(),
        }
    }

    /// The service's own failure of that name, in either spelling of its first letter.
    ///
    /// What follows the name is its message.
    pub(crate) fn named(text: &str) -> Option<Self> {
        let (kind, own) = match text.split_once(char::is_whitespace) {
            Some((kind, message)) => (kind, Some(message.trim())),
            None => (text, None),
        };
        let same = |(name, ..): &&(&str, u16, &str)| name.eq_ignore_ascii_case(kind);
        let (name, status, usual) = FAILURES.iter().find(same)?;
        Some(Self::new(*status, name, own.unwrap_or(usual)))
    }

    /// Name and message, from which [`Refusal::named`] makes the same again.
    pub(crate) fn text(&self) -> String {
        let usual = FAILURES
            .iter()
            .any(|(_, _, message)| *message == self.message);
        match usual {
            true => self.kind.clone(),
            false => format!("{} {}", self.kind, self.message),
        }
    }
}

const FAILURES: [(&str, u16, &str); 14] = [
    (
        "ThrottlingException",
        429,
        "Too many requests, please wait before trying again.",
    ),
    (
        "ServiceQuotaExceededException",
        400,
        "Your request exceeds the service quota for your account.",
    ),
    (
        "ModelNotReadyException",
        429,
        "The model is not ready for inference.",
    ),
    (
        "ServiceUnavailableException",
        503,
        "Bedrock is unable to process your request.",
    ),
    (
        "InternalServerException",
        500,
        "The system encountered an unexpected error during processing. Try your request again.",
    ),
    ("ModelErrorException", 424, "The model returned an error."),
    (
        "ModelStreamErrorException",
        424,
        "The model failed while it was streaming.",
    ),
    (
        "ModelTimeoutException",
        408,
        "Model has timed out in processing the request. Try your request again.",
    ),
    ("ValidationException", 400, "The request is not valid."),
    (
        "ResourceNotFoundException",
        404,
        "Could not resolve the foundation model from the provided model identifier.",
    ),
    (
        "AccessDeniedException",
        403,
        "You don't have access to the model with the specified model ID.",
    ),
    (
        "UnrecognizedClientException",
        403,
        "The security token included in the request is invalid.",
    ),
    (
        "ExpiredTokenException",
        403,
        "The security token included in the request is expired",
    ),
    (
        "InvalidSignatureException",
        403,
        "The request signature we calculated does not match the signature you provided.",
    ),
];
