//! The subject of `scripts/bench`: the service with one additional handler, mounted once behind the guard and once as public.
//!
//! It has every subcommand of `portcullis` (`measured serve`) and two more:
//!
//! - `measured tokens FOLDER` generates the keys of an issuer and signs thousands of tokens: one file per workload, and the issuers file
//!   that makes the service trust them; `measured tokens FOLDER 50` signs a fiftieth of them;
//! - `measured signatures` prints the cost of verifying one signature, by algorithm, as JSON.

#![expect(clippy::unwrap_used, reason = "a measurement that cannot continue has failed")]

mod answer;
mod signatures;
mod tokens;

use std::process::ExitCode;

use portcullis::actix_web::web::Json;
use portcullis::utoipa;
use portcullis::{Api, Application, Error, PUBLIC, Permission, op};

use answer::Answer;

/// As declared by the service. Every user has this permission.
const PROFILE_READ: Permission = Permission::new("profile:read", "Read your own profile.");

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["tokens", folder] => tokens::write(folder.as_ref(), 1),
        ["tokens", folder, divisor] => tokens::write(folder.as_ref(), divisor.parse().unwrap()),
        ["signatures"] => signatures::report(),
        _ => return Application::new().routes(register).run(),
    }
    ExitCode::SUCCESS
}

fn register(api: &mut Api) {
    api.get("/measured/shut", PROFILE_READ, op!(shut)).get("/measured/open", PUBLIC, op!(open));
}

/// The measured response, behind the guard.
#[utoipa::path(get, path = "", responses((status = 200, body = Answer)))]
async fn shut() -> Result<Json<Answer>, Error> {
    Ok(Json(answer::answer()))
}

/// The same response, without the guard.
#[utoipa::path(get, path = "", responses((status = 200, body = Answer)))]
async fn open() -> Result<Json<Answer>, Error> {
    Ok(Json(answer::answer()))
}
