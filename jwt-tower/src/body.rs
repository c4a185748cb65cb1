//! The body of a request, up to a limit.

use std::future::poll_fn;
use std::pin::pin;

use bytes::Buf;
use http_body::Body;
use jwt_core::login::BodyError;

pub(crate) async fn read(body: impl Body, limit: usize) -> Result<Vec<u8>, BodyError> {
    let (mut body, mut bytes) = (pin!(body), Vec::new());
    while let Some(frame) = poll_fn(|cx| body.as_mut().poll_frame(cx)).await {
        let Ok(mut data) = frame.map_err(|_| BodyError::Broken)?.into_data() else { continue };
        if data.remaining() > limit - bytes.len() {
            return Err(BodyError::TooLong);
        }
        while data.has_remaining() {
            let chunk = data.chunk();
            bytes.extend_from_slice(chunk);
            let read = chunk.len();
            data.advance(read);
        }
    }
    Ok(bytes)
}
