//! The parameters and the responses that follow from an extractor of an account, in the OpenAPI document.

use std::collections::BTreeMap;

use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{SchemaFormat, SchemaType, Type};
use utoipa::openapi::{Content, HeaderBuilder, ObjectBuilder, Ref, RefOr, Required, Response, ResponseBuilder};
use utoipa::{IntoParams, IntoResponses, PartialSchema, ToSchema};

use super::{Account, Change, ConditionalChange, Creation, Deletion, Documented, RoleChange};

type Responses = BTreeMap<String, RefOr<Response>>;

impl<T: Documented> IntoParams for Account<T> {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        vec![id::<T>()]
    }
}

impl<T: Documented> IntoParams for Creation<T> {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let key = header("Idempotency-Key", "A unique key for this request, such as a UUID");
        let text_or_null = SchemaType::from_iter([Type::String, Type::Null]);
        vec![key.required(Required::False).schema(Some(ObjectBuilder::new().schema_type(text_or_null))).build()]
    }
}

impl<T: Documented> IntoParams for Change<T> {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        vec![id::<T>()]
    }
}

impl<T: Documented> IntoParams for ConditionalChange<T> {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        vec![id::<T>()]
    }
}

impl<T: Documented> IntoParams for Deletion<T> {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let version = header("If-Match", "The `ETag` of the version to delete");
        vec![id::<T>(), version.required(Required::True).schema(Some(String::schema())).build()]
    }
}

impl<T: Documented> IntoParams for RoleChange<T> {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        vec![id::<T>(), in_path("role", "The name of the role".to_owned(), None)]
    }
}

impl<T: Documented> IntoResponses for Account<T> {
    fn responses() -> Responses {
        responses([("404", format!("{} not found", T::TITLE))])
    }
}

impl<T: Documented> IntoResponses for Creation<T> {
    fn responses() -> Responses {
        let noun = T::TITLE.to_lowercase();
        let text = |description| HeaderBuilder::new().schema(Some(String::schema())).description(Some(description));
        let created = ResponseBuilder::new()
            .content("application/json", Content::new(Some(Ref::from_schema_name(T::Created::name()))))
            .header("Location", text(format!("The path of the {noun}")).build())
            .header("ETag", text(format!("The version of the {noun}")).build());
        let mut responses = responses([("422", "The idempotency key was used for another request".to_owned())]);
        responses.insert("201".to_owned(), created.build().into());
        responses
    }
}

impl<T: Documented> IntoResponses for Change<T> {
    fn responses() -> Responses {
        responses([("404", format!("{} not found", T::TITLE)), modified::<T>()])
    }
}

impl<T: Documented> IntoResponses for ConditionalChange<T> {
    fn responses() -> Responses {
        let mut responses = Change::<T>::responses();
        responses.extend(self::responses([("428", "`If-Match` is required".to_owned())]));
        responses
    }
}

impl<T: Documented> IntoResponses for Deletion<T> {
    fn responses() -> Responses {
        let mut responses = ConditionalChange::<T>::responses();
        responses.extend(self::responses([("204", format!("The {} is deleted", T::TITLE.to_lowercase()))]));
        responses
    }
}

impl<T: Documented> IntoResponses for RoleChange<T> {
    fn responses() -> Responses {
        responses([("404", format!("{} or role not found", T::TITLE)), modified::<T>()])
    }
}

fn id<T: Documented>() -> Parameter {
    in_path("id", format!("The id of the {}", T::TITLE.to_lowercase()), Some(SchemaFormat::Custom("uuid".to_owned())))
}

fn in_path(name: &str, description: String, format: Option<SchemaFormat>) -> Parameter {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Path)
        .description(Some(description))
        .required(Required::True)
        .schema(Some(ObjectBuilder::new().schema_type(Type::String).format(format)))
        .build()
}

fn header(name: &str, description: &str) -> ParameterBuilder {
    ParameterBuilder::new().name(name).parameter_in(ParameterIn::Header).description(Some(description))
}

fn modified<T: Documented>() -> (&'static str, String) {
    ("412", format!("The {} has been modified", T::TITLE.to_lowercase()))
}

fn responses<const N: usize>(described: [(&str, String); N]) -> Responses {
    described.map(|(status, description)| (status.to_owned(), Response::new(description).into())).into()
}
