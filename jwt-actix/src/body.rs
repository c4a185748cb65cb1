//! The body of a request, up to a limit.

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest, web};
use jwt_core::login::BodyError;

pub(crate) async fn read(request: &HttpRequest, mut payload: Payload, limit: usize) -> Result<web::Bytes, BodyError> {
    let payload = web::Payload::from_request(request, &mut payload).await.map_err(|_| BodyError::Broken)?;
    let read = payload.to_bytes_limited(limit).await.map_err(|_| BodyError::TooLong)?;
    read.map_err(|_| BodyError::Broken)
}
