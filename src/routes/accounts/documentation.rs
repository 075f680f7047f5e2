//! The parameters and the refusals that follow from an extractor of an account, in the OpenAPI document.

use std::collections::BTreeMap;

use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{SchemaFormat, Type};
use utoipa::openapi::{ObjectBuilder, RefOr, Required, Response};
use utoipa::{IntoParams, IntoResponses, PartialSchema};

use super::{Account, Change, ConditionalChange, Creation, RoleChange, Titled};

type Responses = BTreeMap<String, RefOr<Response>>;

impl<T: Titled> IntoParams for Account<T> {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        vec![id::<T>()]
    }
}

impl<T: Titled> IntoParams for Creation<T> {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let key = ParameterBuilder::new()
            .name("Idempotency-Key")
            .parameter_in(ParameterIn::Header)
            .description(Some("A unique key for this request, such as a UUID"))
            .required(Required::False)
            .schema(Some(<Option<String>>::schema()));
        vec![key.build()]
    }
}

impl<T: Titled> IntoParams for Change<T> {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        vec![id::<T>()]
    }
}

impl<T: Titled> IntoParams for ConditionalChange<T> {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        vec![id::<T>()]
    }
}

impl<T: Titled> IntoParams for RoleChange<T> {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        vec![id::<T>(), in_path("role", "The name of the role".to_owned(), None)]
    }
}

impl<T: Titled> IntoResponses for Account<T> {
    fn responses() -> Responses {
        responses([("404", format!("{} not found", T::TITLE))])
    }
}

impl<T: Titled> IntoResponses for Creation<T> {
    fn responses() -> Responses {
        responses([("422", "The idempotency key was used for another request".to_owned())])
    }
}

impl<T: Titled> IntoResponses for Change<T> {
    fn responses() -> Responses {
        responses([("404", format!("{} not found", T::TITLE)), modified::<T>()])
    }
}

impl<T: Titled> IntoResponses for ConditionalChange<T> {
    fn responses() -> Responses {
        let mut responses = Change::<T>::responses();
        responses.extend(self::responses([("428", "`If-Match` is required".to_owned())]));
        responses
    }
}

impl<T: Titled> IntoResponses for RoleChange<T> {
    fn responses() -> Responses {
        responses([("404", format!("{} or role not found", T::TITLE)), modified::<T>()])
    }
}

fn id<T: Titled>() -> Parameter {
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

fn modified<T: Titled>() -> (&'static str, String) {
    ("412", format!("The {} has been modified", T::TITLE.to_lowercase()))
}

fn responses<const N: usize>(refusals: [(&str, String); N]) -> Responses {
    refusals.map(|(status, description)| (status.to_owned(), Response::new(description).into())).into()
}
