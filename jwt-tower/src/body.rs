//! The body of a request, up to a limit.

use std::future::poll_fn;
use std::mem;
use std::pin::pin;

use bytes::{Buf, Bytes, BytesMut};
use http_body::Body;

/// Why a body is not read.
pub(crate) enum Unread {
    TooLong,
    Broken,
}

/// A body as a whole, without a copy where it comes in one piece.
pub(crate) async fn read<E: From<Unread>>(body: impl Body, limit: usize) -> Result<Bytes, E> {
    let (mut body, mut first, mut rest) = (pin!(body), Bytes::new(), BytesMut::new());
    while let Some(frame) = poll_fn(|cx| body.as_mut().poll_frame(cx)).await {
        let Ok(mut data) = frame.map_err(|_| Unread::Broken)?.into_data() else { continue };
        let length = data.remaining();
        if length > limit - first.len() - rest.len() {
            return Err(Unread::TooLong.into());
        }
        if first.is_empty() && rest.is_empty() {
            first = data.copy_to_bytes(length);
            continue;
        }
        rest.extend_from_slice(&mem::take(&mut first));
        while data.has_remaining() {
            let chunk = data.chunk();
            rest.extend_from_slice(chunk);
            let read = chunk.len();
            data.advance(read);
        }
    }
    Ok(if rest.is_empty() { first } else { rest.freeze() })
}
