//! Why a request gets no further than the door: status, code and sentence.

use async_graphql::ServerError;
use axum::http::StatusCode;

use crate::api::error;
use crate::api::guard::Refusal;
use crate::domain::language::Language;
use crate::error::{Error, KeyRefusal};

/// Everything that ends a request before its operation runs, or keeps its answer.
#[derive(Debug)]
pub enum Problem {
    /// The caller takes no media type that there is.
    NotAcceptable,
    /// The body is not `application/json` in UTF-8.
    UnsupportedMediaType,
    /// The body is compressed.
    EncodedBody,
    /// The method does not do this; holds those that do.
    MethodNotAllowed(&'static str),
    /// The body or the query string is not one GraphQL request.
    BadRequest,
    /// Several requests in one.
    Batch,
    /// A token stands in the URL, where logs and histories keep it.
    TokenInUrl,
    /// The body is longer than so many bytes.
    BodyTooLarge(usize),
    /// The answer would be longer than so many bytes.
    AnswerTooLarge(usize),
    /// The document is refused.
    Refused(Refusal),
    /// No document is registered under the id.
    UnknownDocument,
    /// Only registered documents run.
    NotRegistered,
    /// The schema is not shown to this caller.
    IntrospectionOff,
    /// A subscription came over HTTP, which has one answer for it.
    NeedsSocket,
    /// As many subscriptions are open on the connection, or for the person, as may be.
    TooManySubscriptions(usize),
    /// The header that says why holds no reason.
    NoReason,
    /// A use case failed: whose request this is could not be told.
    Failed(Error),
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl Problem {
    /// The status, and whether it is about the document: then `application/json` answers 200 all the same.
    pub const fn status(&self) -> (StatusCode, bool) {
        match self {
            Self::NotAcceptable => (StatusCode::NOT_ACCEPTABLE, false),
            Self::UnsupportedMediaType | Self::EncodedBody => (StatusCode::UNSUPPORTED_MEDIA_TYPE, false),
            Self::MethodNotAllowed(_) => (StatusCode::METHOD_NOT_ALLOWED, false),
            Self::BadRequest | Self::Batch | Self::TokenInUrl | Self::NoReason => (StatusCode::BAD_REQUEST, false),
            Self::BodyTooLarge(_) => (StatusCode::PAYLOAD_TOO_LARGE, false),
            Self::UnknownDocument => (StatusCode::NOT_FOUND, false),
            Self::NotRegistered
            | Self::IntrospectionOff
            | Self::Failed(Error::Forbidden | Error::InsufficientScope(_) | Error::SecondFactorRequired) => {
                (StatusCode::FORBIDDEN, false)
            }
            Self::AnswerTooLarge(_)
            | Self::NeedsSocket
            | Self::Refused(
                Refusal::Over(..) | Refusal::Cycle | Refusal::NoOperation | Refusal::NoSource | Refusal::Literal { .. },
            ) => (StatusCode::UNPROCESSABLE_ENTITY, true),
            Self::Refused(Refusal::Syntax(_) | Refusal::Variable { .. }) => (StatusCode::BAD_REQUEST, true),
            Self::Failed(Error::Unauthenticated) => (StatusCode::UNAUTHORIZED, false),
            Self::Failed(Error::Timeout | Error::Overloaded | Error::Provider | Error::Conflict { lock: true, .. }) => {
                (StatusCode::SERVICE_UNAVAILABLE, false)
            }
            Self::Failed(Error::Key(refusal)) => {
                let status = match refusal {
                    KeyRefusal::Malformed => StatusCode::BAD_REQUEST,
                    KeyRefusal::InUse => StatusCode::CONFLICT,
                    KeyRefusal::Withheld => StatusCode::FORBIDDEN,
                    KeyRefusal::NotOneMutation
                    | KeyRefusal::SecretAnswer
                    | KeyRefusal::Reused
                    | KeyRefusal::AnswerTooLong(_) => StatusCode::UNPROCESSABLE_ENTITY,
                };
                (status, false)
            }
            Self::TooManySubscriptions(_) | Self::Failed(Error::Busy(_)) => (StatusCode::TOO_MANY_REQUESTS, false),
            Self::Failed(
                Error::NotFound(_)
                | Error::NotFoundIn(..)
                | Error::Invalid(_)
                | Error::Conflict { .. }
                | Error::Internal(_),
            ) => (StatusCode::INTERNAL_SERVER_ERROR, false),
        }
    }

    /// The error as the client sees it.
    pub fn error(self, language: Language, request_id: &str) -> ServerError {
        let limit = match self {
            Self::BodyTooLarge(most) | Self::AnswerTooLarge(most) | Self::TooManySubscriptions(most) => Some(most),
            _ => None,
        };
        let mut fault = match self {
            Self::Refused(refusal) => refusal.error(language),
            Self::Failed(failure) => {
                let mut fault = error::server_error(failure);
                error::finish(&mut fault, language, request_id);
                fault
            }
            own => {
                let (code, sentence) = own.wording(language);
                let mut fault = ServerError::new(sentence, None);
                fault.extensions.get_or_insert_default().set("code", code);
                fault
            }
        };
        let extensions = fault.extensions.get_or_insert_default();
        if let Some(most) = limit {
            extensions.set("limit", most);
        }
        extensions.set("requestId", request_id);
        fault
    }

    #[rustfmt::skip]
    fn wording(&self, language: Language) -> (&'static str, &'static str) {
        let (code, es, en, pt) = match self {
            Self::NotAcceptable => ("NOT_ACCEPTABLE", "Acepte application/graphql-response+json o application/json.", "Accept application/graphql-response+json or application/json.", "Aceite application/graphql-response+json ou application/json."),
            Self::UnsupportedMediaType => ("UNSUPPORTED_MEDIA_TYPE", "Envíe application/json en UTF-8.", "Send application/json in UTF-8.", "Envie application/json em UTF-8."),
            Self::EncodedBody => ("UNSUPPORTED_MEDIA_TYPE", "Envíe el contenido sin comprimir, sin Content-Encoding.", "Send the body as it is, not compressed, without Content-Encoding.", "Envie o conteúdo sem compressão, sem Content-Encoding."),
            Self::MethodNotAllowed(_) => ("METHOD_NOT_ALLOWED", "Use POST; las consultas admiten también GET.", "Use POST; queries may also use GET.", "Use POST; consultas também aceitam GET."),
            Self::BadRequest => ("BAD_REQUEST", "La solicitud no es una operación de GraphQL en JSON.", "The request is not one GraphQL operation in JSON.", "A solicitação não é uma operação GraphQL em JSON."),
            Self::Batch => ("BATCH_REFUSED", "Envíe una operación por solicitud.", "Send one operation a request.", "Envie uma operação por solicitação."),
            Self::TokenInUrl => ("TOKEN_IN_URL", "Los códigos de acceso van en el encabezado Authorization, nunca en la dirección.", "Tokens belong into the Authorization header, never into the URL.", "Os códigos de acesso vão no cabeçalho Authorization, nunca no endereço."),
            Self::BodyTooLarge(_) => ("BODY_TOO_LARGE", "La solicitud es demasiado grande.", "The request is too large.", "A solicitação é grande demais."),
            Self::AnswerTooLarge(_) => ("ANSWER_TOO_LARGE", "La respuesta sería demasiado grande: pida páginas más cortas.", "The answer would be too large: ask for smaller pages.", "A resposta seria grande demais: peça páginas menores."),
            Self::UnknownDocument => ("UNKNOWN_DOCUMENT", "No hay un documento registrado con ese identificador.", "No document is registered under this id.", "Não há documento registrado com este identificador."),
            Self::NotRegistered => ("DOCUMENT_NOT_REGISTERED", "Solo se ejecutan documentos registrados: envíe documentId.", "Only registered documents run: send documentId.", "Somente documentos registrados são executados: envie documentId."),
            Self::IntrospectionOff => ("INTROSPECTION_OFF", "El esquema no se muestra aquí; está publicado como archivo.", "The schema is not shown here; it is published as a file.", "O esquema não é mostrado aqui; está publicado como arquivo."),
            Self::NeedsSocket => ("SUBSCRIPTION_NEEDS_SOCKET", "Las suscripciones van por el WebSocket (graphql-transport-ws).", "Subscriptions go over the WebSocket (graphql-transport-ws).", "As assinaturas vão pelo WebSocket (graphql-transport-ws)."),
            Self::TooManySubscriptions(_) => ("TOO_MANY_SUBSCRIPTIONS", "Hay demasiadas suscripciones abiertas: termine una antes.", "Too many subscriptions are open: end one first.", "Há assinaturas abertas demais: encerre uma antes."),
            Self::NoReason => ("BAD_REQUEST", "X-Reason es un texto de hasta 1000 caracteres, con codificación porcentual.", "X-Reason is a text of up to 1,000 characters, percent-encoded.", "X-Reason é um texto de até 1000 caracteres, com codificação percentual."),
            Self::Refused(_) | Self::Failed(_) => ("INTERNAL", "", "", ""),
        };
        let sentence = match language {
            Language::Es => es,
            Language::En => en,
            Language::Pt => pt,
        };
        (code, sentence)
    }
}
