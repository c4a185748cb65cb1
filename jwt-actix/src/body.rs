//! The body of a request, up to a limit.

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest, web};

/// Why a body is not read.
pub(crate) enum Unread {
    TooLong,
    Broken,
}

pub(crate) async fn read<E: From<Unread>>(
    request: &HttpRequest,
    mut payload: Payload,
    limit: usize,
) -> Result<web::Bytes, E> {
    let payload = web::Payload::from_request(request, &mut payload).await.map_err(|_| Unread::Broken)?;
    let read = payload.to_bytes_limited(limit).await.map_err(|_| Unread::TooLong)?;
    Ok(read.map_err(|_| Unread::Broken)?)
}
