//! Describes the service in Rust, so that no protoc is needed. With a `.proto` file, tonic-prost-build makes the same.

use tonic_build::manual::{Builder, Method, Service};

fn main() {
    let hello = Method::builder()
        .name("hello")
        .route_name("Hello")
        .input_type("crate::Hello")
        .output_type("crate::Greeting")
        .codec_path("tonic_prost::ProstCodec")
        .build();
    Builder::new().compile(&[Service::builder().name("Greeter").package("example").method(hello).build()]);
}
