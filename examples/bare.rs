//! The baseline of `scripts/bench`: a single Actix handler without middleware.
//!
//! It responds to every request as the measured service does: with the same body, serialized for each request, and the header fields given
//! as arguments.
//!
//! ```text
//! bare 127.0.0.1:8082 'cache-control: no-store' 'x-content-type-options: nosniff'
//! ```

use std::io;

use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::{App, HttpResponse, HttpServer, web};

#[path = "measured/answer.rs"]
mod answer;

type Fields = Vec<(HeaderName, HeaderValue)>;

#[actix_web::main]
async fn main() -> io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().ok_or_else(|| io::Error::other("usage: bare ADDRESS ['NAME: VALUE']..."))?;
    let fields = web::Data::new(arguments.map(|argument| field(&argument)).collect::<io::Result<Fields>>()?);
    HttpServer::new(move || App::new().app_data(fields.clone()).default_service(web::to(answer)))
        .workers(1)
        .bind(address)?
        .run()
        .await
}

fn field(text: &str) -> io::Result<(HeaderName, HeaderValue)> {
    let (name, value) = text.split_once(": ").ok_or_else(|| io::Error::other(format!("not `name: value`: {text}")))?;
    Ok((name.parse().map_err(io::Error::other)?, value.parse().map_err(io::Error::other)?))
}

async fn answer(fields: web::Data<Fields>) -> HttpResponse {
    let mut response = HttpResponse::Ok();
    for field in fields.iter() {
        response.insert_header(field.clone());
    }
    response.json(answer::answer())
}
