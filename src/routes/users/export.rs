//! The export of all data stored about a user.

use actix_web::http::header::{ContentDisposition, DispositionParam, DispositionType};
use actix_web::{HttpResponse, web};
use futures_util::{Stream, StreamExt, TryStreamExt, stream};

use crate::api_types::{AuditEventResponse, UserExportResponse};
use crate::error::Error;
use crate::models::permission::USERS_READ;
use crate::models::{AuditPlace, PrincipalId};
use crate::op;
use crate::routes::accounts::Account;
use crate::routing::Api;
use crate::services::{Actor, AuditEntry, Page, User, UserService};

/// The number of audit events that one transaction reads. A principal may be the actor of hundreds of thousands.
const PAGE: u16 = 500;

pub(crate) fn register(api: &mut Api) {
    api.get("/api/v1/users/{id}/export", USERS_READ, op!(export));
}

/// Exports all data stored about a user.
///
/// The export answers a data subject's access request. Deleted users can be exported until they are purged. The audit events are included
/// if the caller also has `audit:read`; otherwise `omitted` lists them. The export itself is recorded in the audit trail. The file is
/// streamed: if the connection ends before the JSON is complete, send the request again.
#[utoipa::path(
    get,
    path = "",
    params(Account<User>),
    responses((status = 200, body = UserExportResponse), Account<User>),
)]
async fn export(Account { accounts: users, id }: Account<User>, actor: Actor) -> Result<HttpResponse, Error> {
    let export = users.export(&actor, id).await?;
    let disposition = ContentDisposition {
        disposition: DispositionType::Attachment,
        parameters: vec![DispositionParam::Filename(format!("user-{id}.json"))],
    };
    let mut response = HttpResponse::Ok();
    response.insert_header(disposition);
    let has_history = export.has_history;
    let described = UserExportResponse::from(export);
    if !has_history {
        return Ok(response.json(described));
    }
    // The first page is read before the response starts, so that an outage still returns 503.
    let first = users.history(id, None, PAGE).await?;
    let (opening, closing) = described.around_audit_events().map_err(|error| Error::Internal(error.into()))?;
    let body = stream::once(async { Ok(opening) })
        .chain(history(users, id, first))
        .chain(stream::once(async { Ok(closing.to_owned()) }))
        .map_ok(web::Bytes::from);
    Ok(response.content_type("application/json").streaming(body))
}

/// Returns the events as elements of a JSON array, one page at a time.
fn history(
    users: web::Data<UserService>,
    id: PrincipalId,
    first: Page<AuditEntry, AuditPlace>,
) -> impl Stream<Item = Result<String, Error>> {
    let rest = stream::try_unfold(first.next, move |after| {
        let users = users.clone();
        async move {
            let Some(after) = after else { return Ok(None) };
            let page = users.history(id, Some(after), PAGE).await?;
            Ok::<_, Error>(Some((elements(page.items, ",")?, page.next)))
        }
    });
    stream::once(async move { elements(first.items, "") }).chain(rest)
}

/// Returns the elements separated by commas, with `before` in front of the first.
fn elements(events: Vec<AuditEntry>, before: &str) -> Result<String, Error> {
    let mut text = String::new();
    for (number, event) in events.into_iter().enumerate() {
        text.push_str(if number == 0 { before } else { "," });
        let event = serde_json::to_string(&AuditEventResponse::from(event));
        text.push_str(&event.map_err(|error| Error::Internal(error.into()))?);
    }
    Ok(text)
}
