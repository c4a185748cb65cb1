//! From actix-web to a Tower service of the current `http`, and back.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use actix_web::body::{BodySize, MessageBody};
use actix_web::http::StatusCode;
use actix_web::{HttpMessage, HttpRequest, HttpResponse, web};
use http_body_util::{BodyExt, Full};
use jwt_actix::adapter::Admission;
use mcp_common::NotesService;

/// Serves one request. What the middleware has left in it goes along, so that tools find their user.
pub(crate) async fn serve(request: HttpRequest, body: web::Bytes, service: web::Data<NotesService>) -> HttpResponse {
    let mut copy = http::Request::builder().method(request.method().as_str()).uri(request.uri().to_string());
    for (name, value) in request.headers() {
        copy = copy.header(name.as_str(), value.as_bytes());
    }
    let Ok(mut copy) = copy.body(Full::new(body)) else { return HttpResponse::BadRequest().finish() };
    if let Some(admission) = request.extensions().get::<Admission>() {
        copy.extensions_mut().insert(admission.clone());
    }
    let (head, body) = service.handle(copy).await.into_parts();
    let status = StatusCode::from_u16(head.status.as_u16()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = HttpResponse::build(status);
    for (name, value) in &head.headers {
        response.append_header((name.as_str(), value.as_bytes()));
    }
    response.body(Stream(body))
}

type Body = http_body_util::combinators::BoxBody<web::Bytes, Infallible>;

/// A body that is sent as it comes, since the answer may be a stream of events.
struct Stream(Body);

impl MessageBody for Stream {
    type Error = Infallible;

    fn size(&self) -> BodySize {
        BodySize::Stream
    }

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<web::Bytes, Infallible>>> {
        loop {
            let mut frame = std::pin::pin!(self.0.frame());
            let Some(frame) = ready!(frame.as_mut().poll(cx)) else { return Poll::Ready(None) };
            let Ok(frame) = frame;
            // Anything else, such as trailers, is not sent.
            if let Ok(data) = frame.into_data() {
                return Poll::Ready(Some(Ok(data)));
            }
        }
    }
}
