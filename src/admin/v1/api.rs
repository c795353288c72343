//! Endpoints and their description, which is one thing: `/openapi.json` can't say what is not served.

use std::collections::BTreeMap;

use axum::Router;
use axum::routing::MethodRouter;
use utoipa::ToSchema;
use utoipa::openapi::path::{OperationBuilder, ParameterBuilder, ParameterIn, PathItem, Paths};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, SchemaFormat, Type};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{
    ComponentsBuilder, Content, HttpMethod, InfoBuilder, OpenApi, OpenApiBuilder, Ref, RefOr,
    Required, ResponseBuilder, Schema,
};

use super::flatten::flatten;
use super::service::Shared;
use crate::control::desk::listing::MAX_LIMIT;

/// One endpoint, described.
pub struct Endpoint {
    /// Its method.
    pub method: HttpMethod,
    /// Its path, parameters in braces.
    pub path: String,
    /// The group it is listed in.
    pub tag: &'static str,
    /// What it does, in one line.
    pub summary: String,
    /// What is in braces: `id` is a number, anything else a text.
    pub in_path: &'static [(&'static str, &'static str)],
    /// What may follow the path.
    pub in_query: &'static [Parameter],
    /// Headers it reads.
    pub in_header: &'static [Parameter],
    /// The body it wants.
    pub body: Option<Named>,
    /// What it answers where nothing is wrong.
    pub answer: (u16, &'static str, Option<Named>),
}

/// The header under which a creation may be sent again.
pub const ONCE: Parameter = Parameter("Idempotency-Key", Like::Text, "The same key makes it once");

/// For callers who may have the document already: they get nothing but 304 then.
pub const IF_NONE_MATCH: Parameter =
    Parameter("If-None-Match", Like::Text, "The ETag of the revision that you have");

/// Says which revision a change is of.
pub const IF_MATCH: Parameter =
    Parameter("If-Match", Like::Needed, "The ETag of the revision that you saw, or * for any");

/// A parameter: its name, what it is and what it does.
pub struct Parameter(pub &'static str, pub Like, pub &'static str);

/// What a parameter is.
#[derive(Clone, Copy)]
pub enum Like {
    /// Any text.
    Text,
    /// Any text, without which the request is refused.
    Needed,
    /// The number of a document.
    Number,
    /// The number of a document, without which the request is refused.
    NeededNumber,
    /// A number that counts on for ever: an epoch, a place in a log.
    Long,
    /// How long a page may be.
    Limit,
    /// true or false.
    Flag,
}

/// A schema by its name, with those that it refers to.
pub struct Named {
    name: String,
    schema: RefOr<Schema>,
    parts: Vec<(String, RefOr<Schema>)>,
    media: &'static [&'static str],
}

const JSON: &[&str] = &["application/json"];

/// Tables come in these.
const TABLES: &[&str] =
    &["text/csv", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"];

impl Named {
    /// The bytes of a file.
    #[must_use]
    pub fn file() -> Self {
        Self::bytes("File", &["application/octet-stream"])
    }

    /// A table as CSV or as a workbook.
    #[must_use]
    pub fn table() -> Self {
        Self::bytes("Table", TABLES)
    }

    /// Server-sent events.
    #[must_use]
    pub fn stream() -> Self {
        let text = ObjectBuilder::new().schema_type(Type::String);
        let media = &["text/event-stream"];
        Self { name: "Events".to_owned(), schema: text.into(), parts: Vec::new(), media }
    }

    fn bytes(name: &str, media: &'static [&'static str]) -> Self {
        let bytes = ObjectBuilder::new().schema_type(Type::String);
        let bytes = bytes.format(Some(SchemaFormat::KnownFormat(KnownFormat::Binary)));
        Self { name: name.to_owned(), schema: bytes.into(), parts: Vec::new(), media }
    }

    /// The schema of a type.
    #[must_use]
    pub fn of<T: ToSchema>() -> Self {
        let mut parts = Vec::new();
        T::schemas(&mut parts);
        Self { name: T::name().into_owned(), schema: T::schema(), parts, media: JSON }
    }

    /// The same under another name: types that are generic share theirs.
    #[must_use]
    pub fn called(self, name: impl Into<String>) -> Self {
        Self { name: name.into(), ..self }
    }

    /// With the schema of a type that it refers to: those of flattened members are not among its parts.
    #[must_use]
    pub fn with<T: ToSchema>(mut self) -> Self {
        let other = Self::of::<T>();
        self.parts.extend(other.parts);
        self.parts.push((other.name, other.schema));
        self
    }
}

/// Endpoints, served and described.
#[derive(Default)]
pub struct Api {
    router: Router<Shared>,
    paths: Paths,
    schemas: BTreeMap<String, RefOr<Schema>>,
}

impl Api {
    /// Adds an endpoint.
    #[must_use]
    pub fn serve(mut self, endpoint: Endpoint, by: MethodRouter<Shared>) -> Self {
        self.router = self.router.route(&endpoint.path, by);
        let Endpoint { method, path, tag, summary, in_path, in_query, in_header, body, answer } =
            endpoint;
        let mut operation = OperationBuilder::new()
            .operation_id(Some(operation_id(&method, &path)))
            .tag(tag)
            .summary(Some(summary));
        for (name, about) in in_path {
            let like = if *name == "id" { Like::Number } else { Like::Text };
            let part = parameter(name, like, about, ParameterIn::Path);
            operation = operation.parameter(part.required(Required::True));
        }
        for (all, place) in [(in_query, ParameterIn::Query), (in_header, ParameterIn::Header)] {
            for Parameter(name, like, about) in all {
                operation = operation.parameter(parameter(name, *like, about, place.clone()));
            }
        }
        if let Some(body) = body {
            let media = body.media;
            let content = Content::new(Some(self.keep(body)));
            let mut described = RequestBodyBuilder::new().required(Some(Required::True));
            for media in media {
                described = described.content(*media, content.clone());
            }
            operation = operation.request_body(Some(described.build()));
        }
        let (status, about, schema) = answer;
        let mut response = ResponseBuilder::new().description(about);
        if let Some(schema) = schema {
            let media = schema.media;
            let content = Content::new(Some(self.keep(schema)));
            for media in media {
                response = response.content(*media, content.clone());
            }
        }
        let problem = Content::new(Some(Ref::from_schema_name("Problem")));
        let refused = ResponseBuilder::new()
            .description("Refused, with what to change")
            .content("application/problem+json", problem);
        operation = operation.response(status.to_string(), response).response("default", refused);
        if in_header.iter().any(|Parameter(name, ..)| *name == IF_NONE_MATCH.0) {
            let known = ResponseBuilder::new().description("It is still as the caller has it");
            operation = operation.response("304", known);
        }
        let item = PathItem::new(method, operation);
        match self.paths.paths.entry(path) {
            std::collections::btree_map::Entry::Vacant(free) => drop(free.insert(item)),
            std::collections::btree_map::Entry::Occupied(mut there) => {
                there.get_mut().merge_operations(item);
            }
        }
        self
    }

    /// Both.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.router = self.router.merge(other.router);
        self.paths.merge(other.paths);
        self.schemas.extend(other.schemas);
        self
    }

    /// The routes, and what describes them.
    pub fn into_parts(self) -> (Router<Shared>, OpenApi) {
        let Self { router, paths, mut schemas } = self;
        let problem = Named::of::<crate::domain::problem::Problem>();
        schemas.extend(problem.parts);
        schemas.insert(problem.name, problem.schema);
        flatten(&mut schemas);
        let components = ComponentsBuilder::new()
            .schemas_from_iter(schemas)
            .security_scheme("token", SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)))
            .build();
        let about = InfoBuilder::new()
            .title("geofenced")
            .description(Some("Accounts, places, geofences, segments and campaigns."))
            .version(env!("CARGO_PKG_VERSION"))
            .build();
        let document = OpenApiBuilder::new()
            .info(about)
            .paths(paths)
            .components(Some(components))
            .security(Some([SecurityRequirement::new("token", [] as [&str; 0])]))
            .build();
        (router, document)
    }

    fn keep(&mut self, named: Named) -> Ref {
        let Named { name, schema, parts, .. } = named;
        self.schemas.extend(parts);
        self.schemas.insert(name.clone(), schema);
        Ref::from_schema_name(name)
    }
}

fn parameter(name: &str, like: Like, about: &str, place: ParameterIn) -> ParameterBuilder {
    let object = ObjectBuilder::new();
    let whole = |object: ObjectBuilder, most: usize| {
        object.schema_type(Type::Integer).minimum(Some(0_usize)).maximum(Some(most))
    };
    let object = match like {
        Like::Text | Like::Needed => object.schema_type(Type::String),
        Like::Number | Like::NeededNumber => whole(object, u32::MAX as usize),
        // As much as a signed number of 64 bits holds: JSON readers know no other.
        Like::Long => whole(object, usize::MAX >> 1),
        Like::Limit => whole(object, MAX_LIMIT as usize).minimum(Some(1_usize)),
        Like::Flag => object.schema_type(Type::Boolean),
    };
    let is_needed = matches!(like, Like::Needed | Like::NeededNumber);
    let required = if is_needed { Required::True } else { Required::False };
    ParameterBuilder::new()
        .name(name)
        .parameter_in(place)
        .required(required)
        .description(Some(about))
        .schema(Some(object))
}

/// `get_campaigns_id`, from method and path.
fn operation_id(method: &HttpMethod, path: &str) -> String {
    let method = match method {
        HttpMethod::Get => "get",
        HttpMethod::Post => "post",
        HttpMethod::Put => "put",
        HttpMethod::Delete => "delete",
        HttpMethod::Options | HttpMethod::Head | HttpMethod::Patch | HttpMethod::Trace => "other",
    };
    let words = path.split(['/', '{', '}']).filter(|word| !word.is_empty() && *word != "v1");
    words.fold(method.to_owned(), |id, word| format!("{id}_{}", word.replace('-', "_")))
}
