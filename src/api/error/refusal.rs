//! What a reader is told of a refusal that is not the input's fault, by its code.

use crate::domain::language::Language;

/// The sentence for such a code.
pub fn sentence(code: &str, language: Language) -> &'static str {
    let own = SENTENCES.iter().find(|(known, _)| *known == code);
    let [es, en, pt] = own.map_or(OURS, |(_, sentences)| *sentences);
    match language {
        Language::Es => es,
        Language::En => en,
        Language::Pt => pt,
    }
}

/// What is said of all that is our fault.
const OURS: [&str; 3] = [
    "Falló algo de nuestro lado. Indique el identificador de la solicitud si lo reporta.",
    "Something failed on our side. Quote the request id if you report it.",
    "Algo falhou do nosso lado. Informe o identificador da solicitação ao relatar.",
];

/// The codes with their sentences, in Spanish, English and Portuguese.
const SENTENCES: [(&str, [&str; 3]); 17] = [
    (
        "UNAUTHENTICATED",
        [
            "Inicie sesión para continuar.",
            "Sign in to continue.",
            "Entre na sua conta para continuar.",
        ],
    ),
    (
        "FORBIDDEN",
        [
            "No tiene permiso para hacer esto.",
            "You may not do this.",
            "Você não tem permissão para isto.",
        ],
    ),
    (
        "SECOND_FACTOR_REQUIRED",
        [
            "Active antes el segundo factor de su cuenta: sus funciones lo exigen.",
            "Add a second factor to your account first: your roles need one.",
            "Ative antes o segundo fator da sua conta: as suas funções o exigem.",
        ],
    ),
    (
        "INSUFFICIENT_SCOPE",
        [
            "El código de acceso de este programa no alcanza para esto.",
            "The token of this program does not reach so far.",
            "O código de acesso deste programa não alcança isto.",
        ],
    ),
    (
        "NOT_FOUND",
        [
            "No existe, o no es visible para usted.",
            "It does not exist, or you may not see it.",
            "Não existe, ou não está visível para você.",
        ],
    ),
    (
        "RATE_LIMITED",
        [
            "Demasiadas solicitudes; espere un momento.",
            "Too many requests; wait a moment.",
            "Solicitações demais; aguarde um momento.",
        ],
    ),
    (
        "PROVIDER_UNAVAILABLE",
        [
            "El proveedor de identidad no responde como debe; inténtelo más tarde o entre de otra manera.",
            "The identity provider does not answer as it should; try again later, or sign in in another way.",
            "O provedor de identidade não responde como deveria; tente mais tarde ou entre de outra forma.",
        ],
    ),
    (
        "TIMEOUT",
        [
            "Tardó demasiado; pida menos de una vez.",
            "It took too long; ask for less at a time.",
            "Demorou demais; peça menos de uma vez.",
        ],
    ),
    (
        "IDEMPOTENCY_KEY_MALFORMED",
        [
            "Idempotency-Key tiene de 1 a 255 caracteres ASCII visibles, una sola vez.",
            "Idempotency-Key has 1 to 255 visible ASCII characters, and comes once.",
            "Idempotency-Key tem de 1 a 255 caracteres ASCII visíveis, uma única vez.",
        ],
    ),
    (
        "IDEMPOTENCY_KEY_NEEDS_ONE_MUTATION",
        [
            "Con Idempotency-Key, envíe una sola mutación por solicitud.",
            "With an Idempotency-Key, send one mutation a request.",
            "Com Idempotency-Key, envie uma única mutação por solicitação.",
        ],
    ),
    (
        "IDEMPOTENCY_KEY_NOT_TAKEN",
        [
            "Esta mutación no admite Idempotency-Key: su respuesta contiene un secreto que no se guarda.",
            "This mutation takes no Idempotency-Key: its answer holds a secret that is not kept.",
            "Esta mutação não admite Idempotency-Key: a resposta contém um segredo que não é guardado.",
        ],
    ),
    (
        "IDEMPOTENCY_KEY_REUSED",
        [
            "Esta Idempotency-Key ya se usó con otro contenido: elija otra.",
            "This Idempotency-Key was used with another payload: choose another one.",
            "Esta Idempotency-Key já foi usada com outro conteúdo: escolha outra.",
        ],
    ),
    (
        "IDEMPOTENCY_KEY_IN_USE",
        [
            "La primera solicitud con esta Idempotency-Key sigue en curso; vuelva a intentarlo enseguida.",
            "The first request with this Idempotency-Key still runs; try again in a moment.",
            "A primeira solicitação com esta Idempotency-Key ainda está em curso; tente novamente em instantes.",
        ],
    ),
    (
        "IDEMPOTENCY_ANSWER_WITHHELD",
        [
            "Se hizo la primera vez, pero ya no puede ver lo que muestra la respuesta.",
            "It was done the first time, but you may no longer see what the answer shows.",
            "Foi feito na primeira vez, mas você já não pode ver o que a resposta mostra.",
        ],
    ),
    (
        "IDEMPOTENCY_ANSWER_TOO_LARGE",
        [
            "La respuesta es demasiado grande para guardarla, y no se hizo nada: pida menos campos.",
            "The answer is too large to be kept, and nothing was done: ask for fewer fields.",
            "A resposta é grande demais para ser guardada, e nada foi feito: peça menos campos.",
        ],
    ),
    (
        "OVERLOADED",
        [
            "Hay demasiada carga en este momento; vuelva a intentarlo enseguida.",
            "There is too much load now; try again in a moment.",
            "Há carga demais neste momento; tente novamente em instantes.",
        ],
    ),
    (
        "GRAPHQL_VALIDATION_FAILED",
        [
            "El documento no se ajusta al esquema; extensions.detail dice en qué.",
            "The document does not fit the schema; extensions.detail says in what.",
            "O documento não se ajusta ao esquema; extensions.detail diz em quê.",
        ],
    ),
];
