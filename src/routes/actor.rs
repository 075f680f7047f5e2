//! The actor of a change, from the caller and the id of a request.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpMessage, HttpRequest};

use crate::auth::Caller;
use crate::error::Error;
use crate::request_id::RequestId;
use crate::services::Actor;

/// The caller as the actor of a change. Fails closed, as [`Caller`] does.
impl FromRequest for Actor {
    type Error = Error;
    type Future = Ready<Result<Self, Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let Ok(request_id) = RequestId::extract(request).into_inner();
        let actor = request.extensions().get::<Caller>().map(|caller| caller.actor(request_id.to_string()));
        ready(actor.ok_or(Error::Unguarded))
    }
}
