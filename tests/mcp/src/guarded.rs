//! The tools of the examples behind `McpAuth`, and the tools that the conformance suite calls, with and without it.

use std::net::TcpListener;
use std::sync::mpsc::sync_channel;
use std::thread;
use std::time::Duration;

use jwt_core::guard::Policy;
use jwt_core::mcp::{McpResource, McpUser};

use crate::everything;

/// A framework with its adapter.
#[derive(Debug, Clone, Copy)]
pub struct NotesStack {
    /// What to call it.
    pub name: &'static str,
    serve: fn(TcpListener, &str),
}

/// Every framework.
pub const NOTES: [NotesStack; 2] =
    [NotesStack { name: "axum", serve: notes_on_axum }, NotesStack { name: "actix", serve: notes_on_actix }];

impl NotesStack {
    /// Serves the notes of the examples to those with a token of this issuer. The address.
    ///
    /// # Panics
    /// Where no port is free.
    pub fn start(self, issuer: &str) -> String {
        let listener = listener();
        let url = url(&listener);
        let issuer = issuer.to_owned();
        thread::spawn(move || (self.serve)(listener, &issuer));
        url
    }
}

/// A listener on a free port of this machine.
fn listener() -> TcpListener {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    listener.set_nonblocking(true).expect("a listener can be made non-blocking");
    listener
}

fn url(listener: &TcpListener) -> String {
    format!("http://{}/mcp", listener.local_addr().expect("a bound listener has an address"))
}

async fn notes(url: &str, issuer: &str) -> McpResource<McpUser> {
    let resource = McpResource::builder(url)
        .authorization_server(issuer)
        .scope("notes")
        .tool("write_note", Policy::scope("notes:write"))
        .tool("delete_notes", Policy::scope("admin"))
        .filter_tool_lists()
        .build()
        .expect("the settings are good ones");
    resource.ready_within(Duration::from_secs(20)).await.expect("the provider has keys");
    resource
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime can be built")
}

fn notes_on_axum(listener: TcpListener, issuer: &str) {
    runtime().block_on(async {
        let resource = notes(&url(&listener), issuer).await;
        let app =
            axum::Router::new().route_service("/mcp", mcp_common::service()).layer(jwt_tower::McpAuth::new(resource));
        let listener = tokio::net::TcpListener::from_std(listener).expect("a listener can be handed to tokio");
        axum::serve(listener, app).await.expect("axum serves");
    });
}

fn notes_on_actix(listener: TcpListener, issuer: &str) {
    use actix_web::{App, HttpServer, web};

    actix_web::rt::System::new().block_on(async {
        let resource = notes(&url(&listener), issuer).await;
        let service = web::Data::new(mcp_common::service());
        let server = HttpServer::new(move || {
            App::new()
                .app_data(service.clone())
                .app_data(web::PayloadConfig::new(usize::MAX))
                .service(web::resource("/mcp").to(crate::bridge::serve))
                .wrap(jwt_actix::McpAuth::new(resource.clone()))
        });
        server.workers(1).disable_signals().listen(listener).expect("actix listens").run().await.expect("actix serves");
    });
}

/// Serves what the conformance suite calls: to everybody, or to those with a token of this issuer for the resource at this
/// address, which a proxy in front of it has. Its own address.
///
/// # Panics
/// Where it does not start.
pub fn start_everything(guarded: Option<(&str, &str)>) -> String {
    let listener = listener();
    let own = url(&listener);
    let guarded = guarded.map(|(resource, issuer)| (resource.to_owned(), issuer.to_owned()));
    let (sender, started) = sync_channel(1);
    thread::spawn(move || {
        runtime().block_on(async {
            let guard = match guarded {
                Some((url, issuer)) => {
                    let builder = McpResource::builder(url).authorization_server(issuer).scope("notes");
                    let resource = builder.build().expect("the settings are good ones");
                    resource.ready_within(Duration::from_secs(20)).await.expect("the provider has keys");
                    Some(jwt_tower::McpAuth::new(resource))
                }
                None => None,
            };
            let app = axum::Router::new().route_service("/mcp", everything::service(guard.is_some()));
            let app = match guard {
                Some(guard) => app.layer(guard),
                None => app,
            };
            let listener = tokio::net::TcpListener::from_std(listener).expect("a listener can be handed to tokio");
            sender.send(()).expect("somebody waits for it");
            axum::serve(listener, app).await.expect("axum serves");
        });
    });
    started.recv().expect("the server starts");
    own
}
