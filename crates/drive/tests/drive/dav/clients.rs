use super::Server;

/// For looking at the door with a program: prints the address and waits to be ended.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "not a test: serves a folder until it is ended"]
async fn serve_until_ended() {
    let server = Server::new();
    println!("{} is {}", server.url(), server.root().display());
    std::future::pending::<()>().await;
}
