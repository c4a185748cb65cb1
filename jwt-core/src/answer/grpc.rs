//! gRPC over HTTP/2 and gRPC-Web: what is a call, and how its client is told no.

use http::header::CONTENT_TYPE;
use http::{HeaderName, HeaderValue, Version};

use crate::request::RequestHead;

const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");
const GRPC_MESSAGE: HeaderName = HeaderName::from_static("grpc-message");

/// A status of gRPC: what a client that calls a method gets to see in the place of an HTTP status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum GrpcStatus {
    /// `PERMISSION_DENIED`, 7.
    PermissionDenied,
    /// `INTERNAL`, 13.
    Internal,
    /// `UNAVAILABLE`, 14.
    Unavailable,
    /// `UNAUTHENTICATED`, 16.
    Unauthenticated,
}

impl GrpcStatus {
    /// The number on the wire.
    pub const fn code(self) -> i32 {
        match self {
            Self::PermissionDenied => 7,
            Self::Internal => 13,
            Self::Unavailable => 14,
            Self::Unauthenticated => 16,
        }
    }

    /// A fixed text.
    pub const fn message(self) -> &'static str {
        match self {
            Self::PermissionDenied => "This is not allowed.",
            Self::Internal => "Internal error.",
            Self::Unavailable => "Authentication is not possible at the moment.",
            Self::Unauthenticated => "A valid access token is needed.",
        }
    }
}

/// The protocol of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    Grpc,
    Web,
    WebText,
}

impl Protocol {
    /// That of a request which is a call: a POST with the content type of gRPC, over HTTP/2 or later unless it is gRPC-Web.
    /// `None` for plain HTTP, whatever else the request says.
    pub(crate) fn of(head: &impl RequestHead) -> Option<Self> {
        if head.method() != "POST" {
            return None;
        }
        let protocol = Self::of_content_type(head)?;
        (protocol != Self::Grpc || head.version() >= Version::HTTP_2).then_some(protocol)
    }

    fn of_content_type(head: &impl RequestHead) -> Option<Self> {
        let mut media_types = head.header_values(&CONTENT_TYPE);
        let media_type = media_types.next().filter(|_| media_types.next().is_none())?;
        // What may follow is a message format or a parameter, and nothing else: `application/grpcx` is no gRPC.
        let is = |name: &str| match media_type.split_at_checked(name.len()) {
            Some((start, rest)) if start.eq_ignore_ascii_case(name.as_bytes()) => {
                matches!(rest.first(), None | Some(b'+' | b';' | b' '))
            }
            _ => false,
        };
        [
            ("application/grpc", Self::Grpc),
            ("application/grpc-web", Self::Web),
            ("application/grpc-web-text", Self::WebText),
        ]
        .into_iter()
        .find_map(|(name, protocol)| is(name).then_some(protocol))
    }

    /// The header fields of a response that is over with its head ("Trailers-Only"). Its HTTP status is 200.
    pub(crate) fn trailers_only(self, status: GrpcStatus) -> [(HeaderName, HeaderValue); 3] {
        let content_type = match self {
            Self::Grpc => "application/grpc",
            Self::Web => "application/grpc-web+proto",
            Self::WebText => "application/grpc-web-text+proto",
        };
        [
            (CONTENT_TYPE, HeaderValue::from_static(content_type)),
            (GRPC_STATUS, status.code().into()),
            (GRPC_MESSAGE, HeaderValue::from_static(status.message())),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn protocol(content_type: &str) -> Option<Protocol> {
        of("POST", Version::HTTP_2, content_type)
    }

    fn of(method: &str, version: Version, content_type: &str) -> Option<Protocol> {
        let request = http::Request::builder().method(method).version(version).header("content-type", content_type);
        Protocol::of(&request.body(()).unwrap())
    }

    #[test]
    fn the_protocol_is_told_by_the_content_type() {
        for grpc in ["application/grpc", "application/grpc+proto", "Application/gRPC+json", "application/grpc;x=y"] {
            assert_eq!(protocol(grpc), Some(Protocol::Grpc), "{grpc}");
        }
        for web in ["application/grpc-web", "application/grpc-web+proto"] {
            assert_eq!(protocol(web), Some(Protocol::Web), "{web}");
        }
        for text in ["application/grpc-web-text", "application/grpc-web-text+proto"] {
            assert_eq!(protocol(text), Some(Protocol::WebText), "{text}");
        }
        for other in ["application/json", "application/grpcx", "application/grpc-status", "application/grp", "", "x"] {
            assert_eq!(protocol(other), None, "{other}");
        }
        assert_eq!(Protocol::of(&http::Request::post("/").body(()).unwrap()), None);
    }

    #[test]
    fn only_a_call_is_answered_as_one() {
        let (grpc, web) = ("application/grpc", "application/grpc-web");
        for method in ["GET", "HEAD", "PUT", "OPTIONS", "post"] {
            assert_eq!(of(method, Version::HTTP_2, grpc), None, "{method}");
            assert_eq!(of(method, Version::HTTP_11, web), None, "{method}");
        }
        for version in [Version::HTTP_09, Version::HTTP_10, Version::HTTP_11] {
            assert_eq!(of("POST", version, grpc), None, "{version:?}");
        }
        assert_eq!(of("POST", Version::HTTP_3, grpc), Some(Protocol::Grpc));
        assert_eq!(of("POST", Version::HTTP_11, web), Some(Protocol::Web));
        let request = http::Request::post("/").version(Version::HTTP_2);
        let twice = request.header("content-type", grpc).header("content-type", "text/html");
        assert_eq!(Protocol::of(&twice.body(()).unwrap()), None);
    }

    #[test]
    fn messages_need_no_escape() {
        // Percent-encoding is for what is not printable ASCII, and for the percent sign.
        for status in
            [GrpcStatus::PermissionDenied, GrpcStatus::Internal, GrpcStatus::Unavailable, GrpcStatus::Unauthenticated]
        {
            assert!(status.message().bytes().all(|b| matches!(b, 0x20..=0x24 | 0x26..=0x7E)), "{status:?}");
        }
    }
}
