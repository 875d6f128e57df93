//! Why a document is not looked at any further, with code, number allowed and sentence.

use async_graphql::{Pos, ServerError, Value};

use crate::domain::language::Language;

/// What there is a most of. `config/default.toml` has the numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// Bytes of the document.
    DocumentBytes,
    /// Tokens of the document.
    Tokens,
    /// Levels of fields below each other.
    Depth,
    /// Fields, with every fragment in its place.
    Fields,
    /// Objects that an answer may hold.
    Cost,
    /// Fields under another name.
    Aliases,
    /// Directives.
    Directives,
    /// Fields of a query at its first level.
    RootFields,
    /// Fields of a mutation at its first level.
    RootMutations,
    /// Levels of lists and objects within arguments and variables.
    InputDepth,
    /// Single values within all variables.
    InputValues,
    /// Levels, and lists within each other, below `__schema` and `__type`.
    IntrospectionDepth,
}

/// Why a document is refused before the library sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// It is no GraphQL; the text says where, in the words of the parser.
    Syntax(String),
    /// There is more of something than allowed: of what, and how much is allowed.
    Over(Limit, u64),
    /// Its fragments spread themselves.
    Cycle,
    /// It has no operation of the name that the request gives, or several and the request gives none.
    NoOperation,
    /// A subscription does not begin with one field of its own.
    NoSource,
    /// A variable is missing or not of its type.
    Variable {
        /// Names and places from the variable down.
        path: Vec<String>,
        /// The type that the operation declares there.
        expected: String,
    },
    /// A value in the document is not of its type.
    Literal {
        /// Where it stands.
        place: Pos,
        /// Names and places from the argument or variable down.
        path: Vec<String>,
        /// The type that the schema has there.
        expected: String,
    },
}

impl Refusal {
    /// The refusal of more than `most`.
    pub fn over(limit: Limit, most: impl TryInto<u64>) -> Self {
        Self::Over(limit, most.try_into().unwrap_or(u64::MAX))
    }

    /// The stable code of the refusal.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Syntax(_) => "GRAPHQL_PARSE_FAILED",
            Self::Over(limit, _) => limit.code(),
            Self::Cycle => "FRAGMENT_CYCLE",
            Self::NoOperation => "OPERATION_NOT_FOUND",
            Self::NoSource => "GRAPHQL_VALIDATION_FAILED",
            Self::Variable { .. } | Self::Literal { .. } => "BAD_USER_INPUT",
        }
    }

    /// The error as the client sees it, without the request's name.
    pub fn error(&self, language: Language) -> ServerError {
        let place = match self {
            Self::Literal { place, .. } => Some(*place),
            Self::Syntax(_)
            | Self::Over(..)
            | Self::Cycle
            | Self::NoOperation
            | Self::NoSource
            | Self::Variable { .. } => None,
        };
        let mut error = ServerError::new(self.sentence(language), place);
        let extensions = error.extensions.get_or_insert_default();
        extensions.set("code", self.code());
        match self {
            Self::Over(_, most) => extensions.set("limit", *most),
            Self::Variable { path, .. } | Self::Literal { path, .. } => {
                let path = path.iter().map(|step| Value::from(step.as_str())).collect();
                extensions.set("inputPath", Value::List(path));
            }
            Self::Syntax(_) | Self::Cycle | Self::NoOperation | Self::NoSource => {}
        }
        error
    }

    fn sentence(&self, language: Language) -> String {
        let pick = |[es, en, pt]: [&str; 3]| match language {
            Language::Es => es.to_owned(),
            Language::En => en.to_owned(),
            Language::Pt => pt.to_owned(),
        };
        match self {
            Self::Syntax(place) => {
                pick([
                    "El documento no se puede leer",
                    "The document cannot be read",
                    "O documento não pode ser lido",
                ]) + ": "
                    + place
            }
            Self::Over(limit, most) => pick(limit.sentence()).replace("{}", &most.to_string()),
            Self::Cycle => pick([
                "Los fragmentos del documento se incluyen a sí mismos.",
                "The fragments of the document spread themselves.",
                "Os fragmentos do documento incluem a si mesmos.",
            ]),
            Self::NoOperation => pick([
                "El documento no tiene la operación indicada; si tiene varias, indique una en operationName.",
                "The document does not hold the operation; where it holds several, name one in operationName.",
                "O documento não contém a operação indicada; se houver várias, indique uma em operationName.",
            ]),
            Self::NoSource => pick([
                "Una suscripción tiene un solo campo en su primer nivel: sin fragmento, sin directivas y del propio esquema.",
                "A subscription has one field at its first level: not in a fragment, without directives, and of the schema itself.",
                "Uma assinatura tem um só campo no primeiro nível: sem fragmento, sem diretivas e do próprio esquema.",
            ]),
            Self::Variable { path, expected } => pick([
                "La variable {} no es del tipo {}.",
                "The variable {} is not of the type {}.",
                "A variável {} não é do tipo {}.",
            ])
            .replacen("{}", &path.join("."), 1)
            .replacen("{}", expected, 1),
            Self::Literal { path, expected, .. } => pick([
                "El valor {} del documento no es del tipo {}.",
                "The value {} in the document is not of the type {}.",
                "O valor {} do documento não é do tipo {}.",
            ])
            .replacen("{}", &path.join("."), 1)
            .replacen("{}", expected, 1),
        }
    }
}

impl Limit {
    const fn code(self) -> &'static str {
        match self {
            Self::DocumentBytes => "DOCUMENT_TOO_LONG",
            Self::Tokens => "TOO_MANY_TOKENS",
            Self::Depth => "TOO_DEEP",
            Self::Fields => "TOO_MANY_FIELDS",
            Self::Cost => "TOO_COSTLY",
            Self::Aliases => "TOO_MANY_ALIASES",
            Self::Directives => "TOO_MANY_DIRECTIVES",
            Self::RootFields => "TOO_MANY_ROOT_FIELDS",
            Self::RootMutations => "TOO_MANY_MUTATIONS",
            Self::InputDepth => "INPUT_TOO_DEEP",
            Self::InputValues => "INPUT_TOO_LARGE",
            Self::IntrospectionDepth => "INTROSPECTION_TOO_DEEP",
        }
    }

    #[rustfmt::skip]
    const fn sentence(self) -> [&'static str; 3] {
        match self {
            Self::DocumentBytes => ["El documento tiene más de {} bytes.", "The document is longer than {} bytes.", "O documento tem mais de {} bytes."],
            Self::Tokens => ["El documento tiene más de {} palabras y signos.", "The document has more than {} tokens.", "O documento tem mais de {} palavras e sinais."],
            Self::Depth => ["Los campos se anidan a más de {} niveles.", "The fields nest deeper than {}.", "Os campos se aninham além de {} níveis."],
            Self::Fields => ["El documento pide más de {} campos.", "The document selects more than {} fields.", "O documento pede mais de {} campos."],
            Self::Cost => ["El documento puede costar más de {}: pida menos objetos o páginas más cortas.", "The document may cost more than {}: ask for fewer objects or smaller pages.", "O documento pode custar mais de {}: peça menos objetos ou páginas menores."],
            Self::Aliases => ["El documento tiene más de {} alias.", "The document has more than {} aliases.", "O documento tem mais de {} aliases."],
            Self::Directives => ["El documento tiene más de {} directivas.", "The document has more than {} directives.", "O documento tem mais de {} diretivas."],
            Self::RootFields => ["La consulta tiene más de {} campos en su primer nivel.", "The query has more than {} fields at its first level.", "A consulta tem mais de {} campos no primeiro nível."],
            Self::RootMutations => ["La operación hace más de {} cambios.", "The operation makes more than {} changes.", "A operação faz mais de {} alterações."],
            Self::InputDepth => ["Los datos se anidan a más de {} niveles.", "The input nests deeper than {}.", "Os dados se aninham além de {} níveis."],
            Self::InputValues => ["Las variables tienen más de {} valores.", "The variables hold more than {} values.", "As variáveis têm mais de {} valores."],
            Self::IntrospectionDepth => ["La introspección se anida a más de {} niveles.", "The introspection nests deeper than {}.", "A introspecção se aninha além de {} níveis."],
        }
    }
}
