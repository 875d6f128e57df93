//! Failures as clients see them: stable codes, an input path, and a sentence in the reader's language.
//!
//! What a user can put right is a [`UserError`] in the payload; everything else is a top-level error with
//! `extensions.code`. [`ApiError`] has no `Display`, so that the library's blanket conversion cannot turn
//! a database text into a message.

use std::any::Any;
use std::sync::Arc;

use async_graphql::{Context, ErrorExtensionValues, Object, Response, ServerError, Value};

use super::enums::UserErrorCode;
use super::request::Request;
use crate::domain::language::Language;
use crate::domain::policy::scopes::covering;
use crate::error::{Code, Error, Fault, KeyRefusal};

mod refusal;

/// A use case's failure on its way to the client.
///
/// It is shared, since a failed batch fails every node of it and the library copies errors.
#[derive(Debug, Clone)]
pub struct ApiError(Arc<Error>);

/// The result of a resolver.
pub type ApiResult<T> = Result<T, ApiError>;

impl From<Error> for ApiError {
    fn from(error: Error) -> Self {
        Self(Arc::new(error))
    }
}

impl From<Arc<Error>> for ApiError {
    /// A loader's failure, which several nodes share.
    fn from(shared: Arc<Error>) -> Self {
        Self(shared)
    }
}

impl From<Fault> for ApiError {
    fn from(fault: Fault) -> Self {
        Error::from(fault).into()
    }
}

impl From<ApiError> for async_graphql::Error {
    fn from(ApiError(error): ApiError) -> Self {
        note(&error);
        let mut extensions = ErrorExtensionValues::default();
        extensions.set("code", code(&error));
        tell(&error, &mut extensions);
        // Whoever runs the operation looks whether to try it again.
        let is_conflict = matches!(*error, Error::Conflict { .. });
        let source: Option<Arc<dyn Any + Send + Sync>> = if is_conflict { Some(error) } else { None };
        Self {
            message: String::new(),
            source,
            extensions: Some(extensions),
        }
    }
}

/// The code of a failure.
fn code(error: &Error) -> &'static str {
    match error {
        Error::Unauthenticated => "UNAUTHENTICATED",
        Error::Forbidden => "FORBIDDEN",
        Error::InsufficientScope(_) => "INSUFFICIENT_SCOPE",
        Error::SecondFactorRequired => "SECOND_FACTOR_REQUIRED",
        Error::NotFound(_) | Error::NotFoundIn(..) => "NOT_FOUND",
        Error::Invalid(faults) => faults.first().map_or("INTERNAL", |fault| key(fault.code)),
        Error::Busy(_) => "RATE_LIMITED",
        Error::Provider => "PROVIDER_UNAVAILABLE",
        Error::Timeout => "TIMEOUT",
        Error::Overloaded | Error::Conflict { lock: true, .. } => "OVERLOADED",
        Error::Key(refusal) => refusal.code(),
        Error::Conflict { lock: false, .. } | Error::Internal(_) => "INTERNAL",
    }
}

/// What is told beside the code.
fn tell(error: &Error, extensions: &mut ErrorExtensionValues) {
    let path = |path: &str| Value::List(path.split('.').map(Value::from).collect());
    match error {
        Error::InsufficientScope(action) => {
            let scopes = covering(action).iter().map(|scope| scope.word().to_uppercase());
            extensions.set("scopes", Value::List(scopes.map(Value::String).collect()));
        }
        Error::NotFound(at) => extensions.set("inputPath", path(at)),
        Error::NotFoundIn(list, place) => extensions.set("inputPath", path(&format!("{list}.{place}.id"))),
        Error::Invalid(faults) => {
            let Some(fault) = faults.first() else { return };
            let steps = fault.path.iter().map(|step| step.as_str().into());
            extensions.set("inputPath", Value::List(steps.collect()));
            if let Some(detail) = &fault.detail {
                extensions.set("detail", detail.as_str());
            }
        }
        Error::Busy(seconds) => extensions.set("retryAfter", *seconds),
        Error::Overloaded | Error::Conflict { lock: true, .. } => extensions.set("retryAfter", 1),
        Error::Key(KeyRefusal::AnswerTooLong(most)) => extensions.set("limit", *most),
        Error::Unauthenticated
        | Error::Forbidden
        | Error::SecondFactorRequired
        | Error::Provider
        | Error::Timeout
        | Error::Key(_)
        | Error::Conflict { lock: false, .. }
        | Error::Internal(_) => {}
    }
}

/// Keeps in the log what somebody may have to look at.
fn note(error: &Error) {
    match error {
        Error::Timeout => tracing::warn!("an operation or a statement took too long"),
        Error::Conflict { cause, .. } => tracing::warn!(error.chain = %cause, "two transactions met"),
        Error::Internal(cause) => log(cause.as_ref()),
        Error::Unauthenticated
        | Error::Forbidden
        | Error::InsufficientScope(_)
        | Error::SecondFactorRequired
        | Error::NotFound(_)
        | Error::NotFoundIn(..)
        | Error::Invalid(_)
        | Error::Busy(_)
        | Error::Provider
        | Error::Overloaded
        | Error::Key(_) => {}
    }
}

/// Whether something in the answer failed because two transactions met, so that trying again may help.
pub fn met_another(answer: &Response) -> bool {
    let met = |fault: &ServerError| matches!(fault.source::<Error>(), Some(Error::Conflict { .. }));
    answer.errors.iter().any(met)
}

/// The code of an error that has one.
pub fn code_of(error: &ServerError) -> Option<&str> {
    match error.extensions.as_ref()?.get("code") {
        Some(Value::String(code)) => Some(code),
        _ => None,
    }
}

/// Logs an internal failure once, with its chain of causes.
fn log(cause: &(dyn std::error::Error + Send + Sync + 'static)) {
    let mut chain = cause.to_string();
    let mut next = cause.source();
    while let Some(inner) = next {
        chain.push_str(": ");
        chain.push_str(&inner.to_string());
        next = inner.source();
    }
    tracing::error!(error.chain = %chain, "internal failure");
}

/// How the library begins its message about a literal that is not of its argument's type.
const WRONG_VALUE: &str = "Invalid value for argument";

/// The most characters of a message of the library: it quotes names of the document, which may be long.
const LONGEST_MESSAGE: usize = 300;

/// Completes an error before it leaves: a code where the library gave none, and the sentence for it.
pub fn finish(error: &mut ServerError, language: Language, request_id: &str) {
    // Lines are counted from 1: what has no place in the document says none.
    error.locations.retain(|place| place.line > 0);
    let extensions = error.extensions.get_or_insert_default();
    extensions.set("requestId", request_id);
    let Some(Value::String(code)) = extensions.get("code").cloned() else {
        return name(error, language);
    };
    let detail = match extensions.get("detail") {
        Some(Value::String(detail)) => Some(detail.clone()),
        _ => None,
    };
    error.message = Code::from_key(&code).map_or_else(
        || refusal::sentence(&code, language).to_owned(),
        |code| sentence(code, detail.as_deref(), language),
    );
}

/// Names an error of the library, which says in English what is wrong: it goes on saying so after our own words about a
/// value, and in `detail` about a document.
fn name(error: &mut ServerError, language: Language) {
    if let Some((end, _)) = error.message.char_indices().nth(LONGEST_MESSAGE) {
        error.message.truncate(end);
    }
    // What has a path was read by a resolver, so it was a value; the rest is about the document.
    let is_value = !error.path.is_empty() || error.message.starts_with(WRONG_VALUE);
    let extensions = error.extensions.get_or_insert_default();
    if is_value {
        extensions.set("code", "BAD_USER_INPUT");
        error.message.insert_str(0, wrong_value(language));
    } else {
        let code = "GRAPHQL_VALIDATION_FAILED";
        extensions.set("code", code);
        let sentence = refusal::sentence(code, language).to_owned();
        extensions.set("detail", std::mem::replace(&mut error.message, sentence));
    }
}

/// What a reader is told of a literal that is not of its argument's type, before the library's own words.
const fn wrong_value(language: Language) -> &'static str {
    match language {
        Language::Es => "Un valor del documento no es del tipo que se espera: ",
        Language::En => "A value in the document is not of the expected type: ",
        Language::Pt => "Um valor do documento não é do tipo esperado: ",
    }
}

/// Something in the input that its sender can put right.
#[derive(Debug, Clone)]
pub struct UserError(pub Fault);

/// Something in the input that you can put right; nothing was changed.
#[Object]
impl UserError {
    /// What is wrong; the codes are stable.
    async fn code(&self) -> UserErrorCode {
        self.0.code.into()
    }

    /// A sentence for people, in the language of the request.
    async fn message(&self, ctx: &Context<'_>) -> String {
        sentence(self.0.code, self.0.detail.as_deref(), Request::of(ctx).actor.language)
    }

    /// Where in the arguments: field names and list positions, such as `["input", "capacity"]`.
    async fn path(&self) -> &[String] {
        &self.0.path
    }
}

/// A use case's failure outside a resolver.
pub fn server_error(failure: Error) -> ServerError {
    let mut error =
        async_graphql::Error::from(ApiError::from(failure)).into_server_error(async_graphql::Pos::default());
    error.locations.clear();
    error
}

/// The name of a code as clients see it.
pub fn key(code: Code) -> &'static str {
    wording(code).0
}

impl Code {
    /// The code that clients see under this name.
    pub(super) fn from_key(key: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|code| wording(*code).0 == key)
    }
}

/// The sentence for a code; `{}` stands for the limit or present value.
pub fn sentence(code: Code, detail: Option<&str>, language: Language) -> String {
    let (_, es, en, pt) = wording(code);
    let text = match language {
        Language::Es => es,
        Language::En => en,
        Language::Pt => pt,
    };
    text.replace("{}", detail.unwrap_or("…"))
}

#[rustfmt::skip]
const fn wording(code: Code) -> (&'static str, &'static str, &'static str, &'static str) {
    match code {
        Code::Required => ("REQUIRED", "Falta este dato.", "This is required.", "Este dado é obrigatório."),
        Code::TooShort => ("TOO_SHORT", "Es demasiado corto: el mínimo es {}.", "This is too short: the least is {}.", "É curto demais: o mínimo é {}."),
        Code::TooLong => ("TOO_LONG", "Es demasiado largo: el máximo es {}.", "This is too long: the most is {}.", "É longo demais: o máximo é {}."),
        Code::ForbiddenCharacter => ("FORBIDDEN_CHARACTER", "Contiene caracteres que no se admiten.", "It holds characters that are not allowed.", "Contém caracteres que não são permitidos."),
        Code::Malformed => ("MALFORMED", "No está escrito como corresponde.", "This is not written as it should be.", "Não está escrito como deveria."),
        Code::InvalidId => ("INVALID_ID", "No es un identificador de este tipo.", "This is not an identifier of this kind.", "Não é um identificador deste tipo."),
        Code::UnknownCountry => ("UNKNOWN_COUNTRY", "No es un país de ISO 3166-1; use dos letras, como UY.", "This is no country of ISO 3166-1; use two letters, such as UY.", "Não é um país da ISO 3166-1; use duas letras, como UY."),
        Code::UnknownTimeZone => ("UNKNOWN_TIME_ZONE", "No es una zona horaria de IANA, como America/Montevideo.", "This is no IANA time zone, such as America/Montevideo.", "Não é um fuso horário da IANA, como America/Montevideo."),
        Code::OutOfRange => ("OUT_OF_RANGE", "Está fuera de los límites: {}.", "This is outside the limits: {}.", "Está fora dos limites: {}."),
        Code::DatesOutOfOrder => ("DATES_OUT_OF_ORDER", "Está fuera de orden: debe ser posterior a {}, o igual donde se admite el mismo día.", "This is out of order with {}: it must come later, or be the same where that is allowed.", "Está fora de ordem: deve ser posterior a {}, ou igual onde o mesmo dia é admitido."),
        Code::Taken => ("TAKEN", "Ya está en uso; elija otro valor.", "This is taken; choose another value.", "Já está em uso; escolha outro valor."),
        Code::StaleVersion => ("STALE_VERSION", "Otra persona lo cambió entretanto; la versión actual es {}.", "Somebody else changed it meanwhile; the current version is {}.", "Outra pessoa o alterou nesse meio-tempo; a versão atual é {}."),
        Code::IllegalTransition => ("ILLEGAL_TRANSITION", "El estado actual no permite este paso.", "The present state does not allow this step.", "O estado atual não permite este passo."),
        Code::ReasonRequired => ("REASON_REQUIRED", "Este paso necesita un motivo.", "This step needs a reason.", "Este passo precisa de um motivo."),
        Code::Repeated => ("REPEATED", "Ya figura antes en la lista.", "It stands in the list already.", "Já consta antes na lista."),
        Code::EnrolmentClosed => ("ENROLMENT_CLOSED", "La edición no recibe postulaciones en este momento.", "The edition takes no applications now.", "A edição não recebe inscrições neste momento."),
        Code::AlreadyEnrolled => ("ALREADY_ENROLLED", "Ya hay una inscripción en esta edición.", "There is an enrolment in this edition already.", "Já existe uma inscrição nesta edição."),
        Code::EditionFull => ("EDITION_FULL", "No quedan lugares.", "No seats are left.", "Não há mais vagas."),
        Code::DeclarationRequired => ("DECLARATION_REQUIRED", "Complete antes su declaración: país, institución y grupo.", "Complete your declaration first: country, institution and group.", "Complete antes sua declaração: país, instituição e grupo."),
        Code::DeadlinePassed => ("DEADLINE_PASSED", "El plazo venció: {}.", "The deadline has passed: {}.", "O prazo terminou: {}."),
        Code::EmptySubmission => ("EMPTY_SUBMISSION", "Escriba un título y un texto antes de entregar.", "Write a title and a text before you hand in.", "Escreva um título e um texto antes de entregar."),
        Code::NotAssessed => ("NOT_ASSESSED", "Aún no tiene evaluación.", "It has no assessment yet.", "Ainda não tem avaliação."),
        Code::RubricMismatch => ("RUBRIC_MISMATCH", "Los puntajes no corresponden a la rúbrica: un nivel existente por cada criterio.", "The scores do not fit the rubric: one existing level for each criterion.", "As pontuações não correspondem à rubrica: um nível existente por critério."),
        Code::NotAdmitted => ("NOT_ADMITTED", "No es una inscripción admitida de esta edición.", "This is not an admitted enrolment of this edition.", "Não é uma inscrição admitida desta edição."),
        Code::AlreadyInTeam => ("ALREADY_IN_TEAM", "Ya integra otro equipo de la edición.", "Already in another team of the edition.", "Já integra outra equipe da edição."),
        Code::OwnWork => ("OWN_WORK", "Nadie decide sobre su propia inscripción, evalúa el trabajo de su propio equipo ni avala a quien nominó.", "Nobody decides on their own enrolment, assesses the work of their own team or endorses whom they nominated.", "Ninguém decide sobre a própria inscrição, avalia o trabalho da própria equipe nem avaliza quem indicou."),
        Code::AlreadyGranted => ("ALREADY_GRANTED", "Ya lo tiene asignado.", "This is granted already.", "Já está atribuído."),
        Code::RoleNotGrantable => ("ROLE_NOT_GRANTABLE", "Este rol no se puede otorgar desde el suyo.", "Your role cannot grant this one.", "O seu papel não pode conceder este."),
        Code::WeakPassword => ("WEAK_PASSWORD", "La contraseña es demasiado común o contiene su nombre.", "The password is too common or holds your name.", "A senha é comum demais ou contém o seu nome."),
        Code::InvalidCredentials => ("INVALID_CREDENTIALS", "La dirección y la contraseña no corresponden a una cuenta habilitada.", "Address and password do not fit an account that can sign in.", "O endereço e a senha não correspondem a uma conta habilitada."),
        Code::InvalidToken => ("INVALID_TOKEN", "El código no es válido o ya venció.", "The code is not valid or has expired.", "O código não é válido ou já expirou."),
        Code::InvalidCode => ("INVALID_CODE", "El código no es correcto o ya se usó; espere el siguiente.", "The code is not right or was used; wait for the next one.", "O código não está certo ou já foi usado; espere o próximo."),
        Code::LimitReached => ("LIMIT_REACHED", "Ya hay tantos como se admiten: {}.", "There are as many as there may be: {}.", "Já há tantos quantos são permitidos: {}."),
        Code::AddressNotVerified => ("ADDRESS_NOT_VERIFIED", "El proveedor no confirma su dirección de correo: entre de otra manera y vincule después esta identidad.", "The provider does not vouch for your e-mail address: sign in in another way and link this identity then.", "O provedor não confirma o seu endereço de e-mail: entre de outra forma e vincule depois esta identidade."),
        Code::LastWayIn => ("LAST_WAY_IN", "Es la única manera de entrar en su cuenta: elija antes una contraseña.", "It is the only way into your account: set a password first.", "É a única maneira de entrar na sua conta: defina antes uma senha."),
        Code::SignInAgain => ("SIGN_IN_AGAIN", "Vuelva a iniciar sesión para hacer esto.", "Sign in again to do this.", "Entre novamente para fazer isto."),
        Code::AlreadyInvited => ("ALREADY_INVITED", "Esta dirección ya tiene una invitación abierta a lo mismo; puede reenviarla.", "This address has an open invitation to this already; you can send it again.", "Este endereço já tem um convite aberto para isto; você pode reenviá-lo."),
        Code::TooSoon => ("TOO_SOON", "El mensaje anterior es demasiado reciente; vuelva a enviarlo a partir de {}.", "The last message left too shortly before; send it again from {} on.", "A mensagem anterior é recente demais; reenvie a partir de {}."),
        Code::OtherAddress => ("OTHER_ADDRESS", "La invitación se envió a una dirección que no es la de su cuenta.", "The invitation went to another address than that of your account.", "O convite foi enviado a um endereço que não é o da sua conta."),
        Code::AccountExists => ("ACCOUNT_EXISTS", "Esta dirección ya tiene una cuenta: inicie sesión y acepte la invitación desde ella.", "This address has an account: sign in and accept the invitation there.", "Este endereço já tem uma conta: entre nela e aceite o convite."),
        Code::NotUndoable => ("NOT_UNDOABLE", "No hay una decisión que deshacer, o ya tuvo consecuencias.", "There is no decision to undo, or something has followed from it.", "Não há uma decisão a desfazer, ou ela já teve consequências."),
        Code::FormMismatch => ("FORM_MISMATCH", "No corresponde al formulario: no existe esa pregunta, opción, finalidad o idioma, o se espera otro tipo de respuesta.", "It does not fit the form: there is no such question, choice, purpose or language, or another kind of answer is wanted.", "Não corresponde ao formulário: não existe essa pergunta, opção, finalidade ou idioma, ou espera-se outro tipo de resposta."),
        Code::ConsentRequired => ("CONSENT_REQUIRED", "Sin este consentimiento no se puede participar.", "Nobody takes part without this consent.", "Sem este consentimento não é possível participar."),
        Code::NoOffer => ("NO_OFFER", "No hay un lugar ofrecido, o venció el plazo para aceptarlo.", "No seat is offered, or the time to accept it has run out.", "Não há vaga oferecida, ou o prazo para aceitá-la terminou."),
        Code::Unreadable => ("UNREADABLE", "El archivo no es una tabla que se pueda leer: {}. Guárdelo como CSV en UTF-8 o como XLSX.", "The file is no table that can be read: {}. Save it as CSV in UTF-8, or as XLSX.", "O arquivo não é uma tabela que se possa ler: {}. Salve-o como CSV em UTF-8 ou como XLSX."),
        Code::NoColumns => ("NO_COLUMNS", "El archivo no tiene una línea con los nombres de las columnas.", "The file has no line with the names of its columns.", "O arquivo não tem uma linha com os nomes das colunas."),
        Code::OpenQuote => ("OPEN_QUOTE", "Aquí se abren unas comillas que nunca se cierran.", "A quote begins here that is never closed.", "Aqui se abrem aspas que nunca se fecham."),
        Code::TooManyRows => ("TOO_MANY_ROWS", "El archivo tiene más filas o inscripciones que las que se admiten: {}. Divídalo.", "The file has more rows or enrolments than it may have: {}. Divide it.", "O arquivo tem mais linhas ou inscrições do que se admite: {}. Divida-o."),
        Code::TooManyColumns => ("TOO_MANY_COLUMNS", "La línea tiene más celdas que las columnas que se admiten: {}.", "The line has more cells than there may be columns: {}.", "A linha tem mais células do que as colunas que se admitem: {}."),
        Code::WrongEncoding => ("WRONG_ENCODING", "El archivo no está en UTF-8: {}. Guárdelo como CSV en UTF-8.", "The file is not UTF-8: {}. Save it as CSV in UTF-8.", "O arquivo não está em UTF-8: {}. Salve-o como CSV em UTF-8."),
        Code::Garbled => ("GARBLED", "Hay letras dañadas por una codificación equivocada, como Ã© en lugar de é: corríjalas en el original.", "It holds letters that a wrong encoding has damaged, such as Ã© for é: put them right where they come from.", "Há letras danificadas por uma codificação errada, como Ã© em vez de é: corrija-as na origem."),
        Code::UnknownColumn => ("UNKNOWN_COLUMN", "No se conoce esta columna. Las que se conocen: {}.", "This column is not known. Those that are: {}.", "Esta coluna não é conhecida. As conhecidas: {}."),
        Code::WrongWidth => ("WRONG_WIDTH", "La fila no tiene tantas celdas como columnas: {}.", "The row has not as many cells as there are columns: {}.", "A linha não tem tantas células quantas são as colunas: {}."),
        Code::UnknownWord => ("UNKNOWN_WORD", "No es ninguno de los valores que se admiten: {}.", "It is none of the values that are taken: {}.", "Não é nenhum dos valores admitidos: {}."),
        Code::NotRegistered => ("NOT_REGISTERED", "El registro no tiene esta institución, o tiene varias: use su código o su nombre, o deje la celda vacía.", "The register has no such institution, or several: use its code or its name, or leave the cell blank.", "O cadastro não tem esta instituição, ou tem várias: use o código ou o nome dela, ou deixe a célula vazia."),
        Code::NotByFile => ("NOT_BY_FILE", "Un archivo no hace esto: escriba {} o deje la celda vacía.", "A file does not do this: write {} or leave the cell blank.", "Um arquivo não faz isto: escreva {} ou deixe a célula vazia."),
        Code::NotCoordinated => ("NOT_COORDINATED", "Usted no coordina ninguna edición con este código.", "You coordinate no edition with this code.", "Você não coordena nenhuma edição com este código."),
        Code::LeftBefore => ("LEFT_BEFORE", "Su inscripción en esta edición terminó ({}), y un archivo no la reabre.", "The enrolment in this edition has ended ({}), and a file brings nobody back.", "A inscrição nesta edição terminou ({}), e um arquivo não a reabre."),
        Code::AlwaysSent => ("ALWAYS_SENT", "Los mensajes de este tipo se envían siempre.", "Messages of this kind are always sent.", "As mensagens deste tipo são sempre enviadas."),
    }
}
