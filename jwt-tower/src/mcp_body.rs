//! The bodies around a server of the Model Context Protocol: one that was read, and one that may be in place of another.

use std::convert::Infallible;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

/// The body of a request that [`McpAuth`](crate::McpAuth) hands on: what was read of it, byte for byte.
#[derive(Clone, Default)]
pub struct McpBody(Option<Bytes>);

impl McpBody {
    pub(crate) fn new(bytes: Option<Bytes>) -> Self {
        Self(bytes.filter(|bytes| !bytes.is_empty()))
    }

    /// The bytes, for a service that wants them at once.
    pub fn into_bytes(self) -> Bytes {
        self.0.unwrap_or_default()
    }
}

impl fmt::Debug for McpBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("McpBody").field("len", &self.0.as_ref().map_or(0, Bytes::len)).finish()
    }
}

impl Body for McpBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.0.take().map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.0.as_ref().map_or(0, |bytes| bytes.len() as u64))
    }
}

pin_project! {
    /// The body of a response of [`McpAuth`](crate::McpAuth): that of the service behind it, or one in its place.
    #[derive(Debug)]
    pub struct McpResponseBody<B> {
        #[pin]
        body: Either<B>,
    }
}

pin_project! {
    #[project = Projected]
    #[derive(Debug)]
    enum Either<B> {
        Inner {
            #[pin]
            body: B,
        },
        Own {
            #[pin]
            body: McpBody,
        },
    }
}

impl<B> McpResponseBody<B> {
    pub(crate) fn inner(body: B) -> Self {
        Self { body: Either::Inner { body } }
    }

    pub(crate) fn own(text: impl Into<Bytes>) -> Self {
        Self { body: Either::Own { body: McpBody::new(Some(text.into())) } }
    }
}

impl<B: Body<Data = Bytes>> Body for McpResponseBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        match self.project().body.project() {
            Projected::Inner { body } => body.poll_frame(cx),
            Projected::Own { body } => body.poll_frame(cx).map(|frame| {
                let Ok(frame) = frame?;
                Some(Ok(frame))
            }),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.body {
            Either::Inner { body } => body.is_end_stream(),
            Either::Own { body } => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.body {
            Either::Inner { body } => body.size_hint(),
            Either::Own { body } => body.size_hint(),
        }
    }
}
