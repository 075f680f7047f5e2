//! A service built on Portcullis: private notes of each user.
//!
//! Every user may keep notes: the migration grants the permissions to the role `member`, which new users get.
//!
//! It has every subcommand of `portcullis`. To try it: `cargo run --example notes -- dev`, and in a second terminal
//!
//! ```text
//! TOKEN=$(cargo run -q --example notes -- dev token alice)
//! curl -s -H "Authorization: Bearer $TOKEN" --json '{"text": "Buy milk"}' http://127.0.0.1:8080/api/v1/notes
//! ```

use std::process::ExitCode;

use portcullis::actix_web::{HttpResponse, web};
use portcullis::diesel::prelude::*;
use portcullis::diesel_migrations::{EmbeddedMigrations, embed_migrations};
use portcullis::utoipa::{self, ToSchema};
use portcullis::{Api, Application, Caller, Database, DbConnection, Error, Permission, PrincipalId, op};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

const NOTES_READ: Permission = Permission::new("notes:read", "Read your own notes.");
const NOTES_WRITE: Permission = Permission::new("notes:write", "Write your own notes.");
const MIGRATIONS: EmbeddedMigrations = embed_migrations!("examples/notes/migrations");

/// The maximum number of notes in a response.
const LIST_LIMIT: i64 = 200;
/// The maximum number of characters of a note.
const TEXT_LIMIT: usize = 10_000;

fn main() -> ExitCode {
    Application::new().permissions([NOTES_READ, NOTES_WRITE]).migrations(MIGRATIONS).routes(register).run()
}

fn register(api: &mut Api) {
    api.get("/api/v1/notes", NOTES_READ, op!(list)).post("/api/v1/notes", NOTES_WRITE, op!(create));
}

diesel::table! {
    notes (id) {
        id -> Text,
        owner -> Text,
        text -> Text,
    }
}

/// A note, as stored.
#[derive(Insertable, Queryable)]
struct Note {
    id: String,
    owner: PrincipalId,
    text: String,
}

/// A note, as its owner sees it.
#[derive(Serialize, ToSchema)]
struct NoteResponse {
    id: String,
    text: String,
}

/// A new note.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct CreateNoteRequest {
    text: String,
}

impl From<Note> for NoteResponse {
    fn from(note: Note) -> Self {
        Self { id: note.id, text: note.text }
    }
}

/// Lists your own latest notes, newest first.
#[utoipa::path(get, path = "", responses((status = 200, body = Vec<NoteResponse>)))]
async fn list(caller: Caller, database: web::Data<Database>) -> Result<web::Json<Vec<NoteResponse>>, Error> {
    let owner = *caller.principal_id();
    let notes = database.read(move |conn| Ok::<_, Error>(notes_of(conn, owner)?)).await?;
    Ok(web::Json(notes.into_iter().map(Into::into).collect()))
}

/// Creates a note.
#[utoipa::path(post, path = "", request_body = CreateNoteRequest, responses((status = 201, body = NoteResponse)))]
async fn create(
    caller: Caller,
    request: web::Json<CreateNoteRequest>,
    database: web::Data<Database>,
) -> Result<HttpResponse, Error> {
    let CreateNoteRequest { text } = request.into_inner();
    if text.chars().count() > TEXT_LIMIT {
        return Err(Error::InvalidBody(format!("`text` may have at most {TEXT_LIMIT} characters.")));
    }
    let owner = *caller.principal_id();
    let note = Note { id: Uuid::now_v7().to_string(), owner, text };
    let note = database
        .write(move |conn| {
            diesel::insert_into(notes::table).values(&note).execute(conn)?;
            Ok::<_, Error>(note)
        })
        .await?;
    Ok(HttpResponse::Created().json(NoteResponse::from(note)))
}

/// The latest notes of `owner`. The owner is part of the query, so notes of other users are never loaded.
fn notes_of(conn: &mut DbConnection, owner: PrincipalId) -> QueryResult<Vec<Note>> {
    notes::table.filter(notes::owner.eq(owner)).order(notes::id.desc()).limit(LIST_LIMIT).load(conn)
}
