//! What `scripts/bench` measures: the service as it is, and one handler more, once behind the guard and once before it.
//!
//! It has every subcommand of `portcullis` (`measured serve`), and two of its own:
//!
//! - `measured tokens FOLDER` makes an issuer's keys and signs tokens by the thousand: a file for each workload, and the file of issuers
//!   that makes the service trust them; `measured tokens FOLDER 50` signs a fiftieth of them;
//! - `measured signatures` tells what the raw check of one signature costs, by algorithm, as JSON.

#![expect(clippy::unwrap_used, reason = "a measurement that cannot go on has failed")]

mod answer;
mod signatures;
mod tokens;

use std::process::ExitCode;

use portcullis::actix_web::web::Json;
use portcullis::utoipa;
use portcullis::{Api, Application, Error, PUBLIC, Permission, op};

use answer::Answer;

/// As the service declares it: what everybody may do who signs in.
const PROFILE_READ: Permission = Permission::new("profile:read", "Read one's own profile.");

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["tokens", folder] => tokens::write(folder.as_ref(), 1),
        ["tokens", folder, of_so_many] => tokens::write(folder.as_ref(), of_so_many.parse().unwrap()),
        ["signatures"] => signatures::report(),
        _ => return Application::new().routes(register).run(),
    }
    ExitCode::SUCCESS
}

fn register(api: &mut Api) {
    api.get("/measured/shut", PROFILE_READ, op!(shut)).get("/measured/open", PUBLIC, op!(open));
}

/// The measured answer, to whoever may have it.
#[utoipa::path(get, path = "", responses((status = 200, body = Answer)))]
async fn shut() -> Result<Json<Answer>, Error> {
    Ok(Json(answer::answer()))
}

/// The same answer, to everybody.
#[utoipa::path(get, path = "", responses((status = 200, body = Answer)))]
async fn open() -> Result<Json<Answer>, Error> {
    Ok(Json(answer::answer()))
}
