//! Courses in the API.

use async_graphql::{Context, ID, InputObject, Object, SimpleObject};
use chrono::{DateTime, Utc};

use super::enums::Language;
use super::error::ApiResult;
use super::id;
use super::page::{Arguments, PageOf, connection};
use super::payload::payloads;
use super::request::Request;
use crate::domain::course::CourseDraft;
use crate::domain::id::CourseId;
use crate::domain::language::{self, Localized};
use crate::domain::text::{Comment, SearchText, ShortCode, Title};
use crate::error::{Code, Fault, Faults, Flaw, Result};
use crate::service;
use crate::store::course;

/// The most topics of a course.
const TOPIC_LIMIT: usize = 30;

/// A text in one language.
#[derive(SimpleObject)]
pub struct LocalizedText {
    /// The language.
    language: Language,
    /// The text.
    text: String,
}

/// A text in one language.
#[derive(InputObject)]
pub struct LocalizedTextInput {
    /// The language; each at most once in a list.
    pub language: Language,
    /// The text, as long as the field that holds it says, up to 10,000 characters (NFC).
    pub text: String,
}

/// The texts of `texts` as a list.
pub fn texts(texts: &Localized) -> Vec<LocalizedText> {
    texts
        .0
        .iter()
        .map(|(language, text)| LocalizedText {
            language: (*language).into(),
            text: text.clone(),
        })
        .collect()
}

/// Reads a list of texts, each parsed by `parse`.
pub fn read_texts<T: AsRef<str>>(
    faults: &mut Faults,
    at: &str,
    inputs: &[LocalizedTextInput],
    parse: impl Fn(&str) -> Result<T, Flaw>,
) -> Localized {
    let mut texts = Localized::default();
    if inputs.len() > language::Language::ALL.len() {
        faults.push(Fault::at(at, Code::TooLong).with(language::Language::ALL.len()));
        return texts;
    }
    for (place, input) in inputs.iter().enumerate() {
        let at = format!("{at}.{place}");
        if let Some(text) = faults.take(&format!("{at}.text"), parse(&input.text))
            && texts
                .0
                .insert(input.language.into(), text.as_ref().to_owned())
                .is_some()
        {
            faults.push(Fault::at(&format!("{at}.language"), Code::Repeated));
        }
    }
    texts
}

/// A course of the catalogue.
pub struct Course(pub course::Model);

/// A course of the catalogue. It is given in editions.
#[Object]
impl Course {
    /// Global identifier, `crs_…`.
    pub async fn id(&self) -> ID {
        self.0.id.to_string().into()
    }

    /// A unique short code.
    fn code(&self) -> &str {
        &self.0.code
    }

    /// The title in the language of the request, or else in the first language that has one.
    async fn title(&self, ctx: &Context<'_>) -> String {
        self.0.titles().get(Request::of(ctx).actor.language).to_owned()
    }

    /// The title in every language that has one.
    fn titles(&self) -> Vec<LocalizedText> {
        texts(&self.0.titles())
    }

    /// What the course is about, in the language of the request; may be empty.
    async fn description(&self, ctx: &Context<'_>) -> String {
        self.0.descriptions().get(Request::of(ctx).actor.language).to_owned()
    }

    /// What the course is about, in every language that has a text.
    fn descriptions(&self) -> Vec<LocalizedText> {
        texts(&self.0.descriptions())
    }

    /// What a participant will be able to do, in the language of the request; may be empty.
    async fn objectives(&self, ctx: &Context<'_>) -> String {
        self.0.objectives().get(Request::of(ctx).actor.language).to_owned()
    }

    /// What a participant will be able to do, in every language that has a text: what `updateCourse` replaces.
    fn objective_texts(&self) -> Vec<LocalizedText> {
        texts(&self.0.objectives())
    }

    /// Words to find it by.
    fn topics(&self) -> Vec<String> {
        serde_json::from_value(self.0.topics.clone()).unwrap_or_default()
    }

    /// When it was made.
    fn created_at(&self) -> DateTime<Utc> {
        self.0.created_at
    }

    /// To be sent back with an update; rises with every change.
    fn version(&self) -> i64 {
        self.0.version
    }
}

/// The texts of a course.
#[derive(InputObject)]
pub struct CourseInput {
    /// A unique short code of up to 40 characters (NFC).
    code: String,
    /// The title, up to 200 characters (NFC), in at least one language.
    titles: Vec<LocalizedTextInput>,
    /// What the course is about, up to 10,000 characters (NFC) per language.
    #[graphql(default)]
    descriptions: Vec<LocalizedTextInput>,
    /// What a participant will be able to do, up to 10,000 characters (NFC) per language.
    #[graphql(default)]
    objectives: Vec<LocalizedTextInput>,
    /// Up to 30 words to find it by, each up to 200 characters (NFC).
    #[graphql(default)]
    topics: Vec<String>,
}

impl CourseInput {
    /// The draft, without what is wrong in it.
    fn draft(&self, faults: &mut Faults) -> Option<CourseDraft> {
        let code = faults.take("course.code", ShortCode::parse(&self.code));
        let titles = read_texts(faults, "course.titles", &self.titles, Title::parse);
        if self.titles.is_empty() {
            faults.push(Fault::at("course.titles", Code::Required));
        }
        let descriptions = read_texts(faults, "course.descriptions", &self.descriptions, Comment::parse);
        let objectives = read_texts(faults, "course.objectives", &self.objectives, Comment::parse);
        if self.topics.len() > TOPIC_LIMIT {
            faults.push(Fault::at("course.topics", Code::TooLong).with(TOPIC_LIMIT));
        }
        let topics = self.topics.iter().enumerate().filter_map(|(place, topic)| {
            faults
                .take(&format!("course.topics.{place}"), Title::parse(topic))
                .map(String::from)
        });
        let topics: Vec<String> = topics.collect();
        Some(CourseDraft {
            code: code?,
            titles,
            descriptions,
            objectives,
            topics,
        })
    }
}

/// A new course.
#[derive(InputObject)]
pub struct CreateCourseInput {
    /// Its texts.
    course: CourseInput,
}

/// A changed course.
#[derive(InputObject)]
pub struct UpdateCourseInput {
    /// Which.
    course_id: ID,
    /// The version that you saw.
    version: i64,
    /// Its texts, all of them anew.
    course: CourseInput,
}

payloads! {
    /// The new course.
    CreateCoursePayload {
        /// The course, unless there are `userErrors`.
        course: Course
    }
    /// The changed course.
    UpdateCoursePayload {
        /// The course, unless there are `userErrors`.
        course: Course
    }
}

/// Queries about courses.
#[derive(Default)]
pub struct CourseQuery;

#[Object]
impl CourseQuery {
    /// The course with this identifier; null when there is none that you may see.
    async fn course(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Its identifier, `crs_…`.")] id: ID,
    ) -> ApiResult<Option<Course>> {
        let id: CourseId = id::argument("id", &id)?;
        let Request { app, actor, .. } = Request::of(ctx);
        Ok(service::course::find(app, actor, id).await?.map(Course))
    }

    /// The courses of the catalogue by code, character by character: capitals come before small letters. Those of which
    /// an edition was announced; coordinators and administrators see the others too.
    async fn courses(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "Words that occur in code, title, description or topics; case and accents do not matter. Up to 100 characters (NFC)."
        )]
        text: Option<String>,
        #[graphql(desc = "How many from the start, 1 to 100.")] first: Option<i32>,
        #[graphql(desc = "Those after this cursor, up to 12,000 characters as it came.")] after: Option<String>,
        #[graphql(desc = "How many from the end, 1 to 100.")] last: Option<i32>,
        #[graphql(desc = "Those before this cursor, up to 12,000 characters as it came.")] before: Option<String>,
    ) -> ApiResult<PageOf<Course>> {
        let wanted = Arguments::new(first, after, last, before).wanted()?;
        let mut faults = Faults::default();
        let text = faults.take_argument("text", SearchText::parse_optional(text.as_deref()));
        faults.check()?;
        let text = text.flatten();
        let Request { app, actor, .. } = Request::of(ctx);
        let page = service::course::page(app, actor, text.as_ref(), &wanted).await?;
        Ok(connection(page, course::page_place, Course))
    }
}

/// Changes of courses.
#[derive(Default)]
pub struct CourseMutation;

#[Object]
impl CourseMutation {
    /// Creates a course. For coordinators.
    async fn create_course(&self, ctx: &Context<'_>, input: CreateCourseInput) -> ApiResult<CreateCoursePayload> {
        let request = Request::of(ctx);
        let run = async {
            let mut faults = Faults::default();
            let draft = input.course.draft(&mut faults);
            let draft = faults.whole(draft)?;
            service::course::create(&request.app, &request.actor, &draft).await
        };
        CreateCoursePayload::of(Box::pin(run).await, Course)
    }

    /// Replaces the texts of a course. For coordinators.
    async fn update_course(&self, ctx: &Context<'_>, input: UpdateCourseInput) -> ApiResult<UpdateCoursePayload> {
        let request = Request::of(ctx);
        let run = async {
            let mut faults = Faults::default();
            let id = id::parse(&mut faults, "courseId", &input.course_id);
            let draft = input.course.draft(&mut faults);
            let (id, draft) = faults.whole(id.zip(draft))?;
            service::course::update(&request.app, &request.actor, id, input.version, &draft).await
        };
        UpdateCoursePayload::of(Box::pin(run).await, Course)
    }
}
