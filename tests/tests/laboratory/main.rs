//! Scenarios over several computers. Run all of them as root: `cargo test -p lanyard-tests`; some of them:
//! `cargo test -p lanyard-tests -- WORD…`.

use std::process::ExitCode;

#[cfg(target_os = "linux")]
mod added;
#[cfg(target_os = "linux")]
mod attacks;
#[cfg(target_os = "linux")]
mod bad_starts;
#[cfg(target_os = "linux")]
mod conformance;
#[cfg(target_os = "linux")]
mod copy_faults;
#[cfg(target_os = "linux")]
mod discs;
#[cfg(target_os = "linux")]
mod drive_speed;
#[cfg(target_os = "linux")]
mod drives;
#[cfg(target_os = "linux")]
mod failover;
#[cfg(target_os = "linux")]
mod file_doors;
#[cfg(target_os = "linux")]
mod folders;
#[cfg(target_os = "linux")]
mod foreign_pages;
#[cfg(target_os = "linux")]
mod handling;
#[cfg(target_os = "linux")]
mod home;
#[cfg(target_os = "linux")]
mod household;
#[cfg(target_os = "linux")]
mod joining;
#[cfg(target_os = "linux")]
mod loopback;
#[cfg(target_os = "linux")]
mod many;
#[cfg(target_os = "linux")]
mod measure;
#[cfg(target_os = "linux")]
mod meeting;
#[cfg(target_os = "linux")]
mod mounted;
#[cfg(target_os = "linux")]
mod networks;
#[cfg(target_os = "linux")]
mod odd_disks;
#[cfg(target_os = "linux")]
mod office;
#[cfg(target_os = "linux")]
mod plain_announcing;
#[cfg(target_os = "linux")]
mod plain_printing;
#[cfg(target_os = "linux")]
mod print_faults;
#[cfg(target_os = "linux")]
mod printing;
#[cfg(target_os = "linux")]
mod rotten;
#[cfg(target_os = "linux")]
mod rude_clients;
#[cfg(target_os = "linux")]
mod second_user;
#[cfg(target_os = "linux")]
mod self_check;
#[cfg(target_os = "linux")]
mod siege;
#[cfg(target_os = "linux")]
mod straight;
#[cfg(target_os = "linux")]
mod strangers;
#[cfg(target_os = "linux")]
mod street;
#[cfg(target_os = "linux")]
mod the_lab;
#[cfg(target_os = "linux")]
mod trees;
#[cfg(target_os = "linux")]
mod web;

#[cfg(target_os = "linux")]
fn main() -> ExitCode {
    use lanyard_tests::{inside, runner};
    inside::run().unwrap_or_else(|| {
        if std::env::args().any(|argument| argument == "--measure") {
            return runner::main(&[measure::ALL, drive_speed::ALL, mounted::speed::ALL].concat());
        }
        runner::main(
            &[
                the_lab::ALL,
                // The slow ones first: what runs beside them fills the gaps.
                conformance::ALL,
                print_faults::ALL,
                straight::ALL,
                added::ALL,
                plain_announcing::ALL,
                plain_printing::ALL,
                discs::ALL,
                handling::ALL,
                failover::ALL,
                copy_faults::ALL,
                rotten::ALL,
                home::ALL,
                meeting::ALL,
                networks::ALL,
                self_check::ALL,
                printing::ALL,
                drives::ALL,
                folders::ALL,
                trees::ALL,
                odd_disks::ALL,
                mounted::ALL,
                mounted::suites::ALL,
                loopback::ALL,
                file_doors::ALL,
                strangers::ALL,
                web::ALL,
                attacks::ALL,
                foreign_pages::ALL,
                second_user::ALL,
                siege::ALL,
                rude_clients::ALL,
                joining::ALL,
                many::ALL,
                bad_starts::ALL,
            ]
            .concat(),
        )
    })
}

#[cfg(not(target_os = "linux"))]
fn main() -> ExitCode {
    println!("test laboratory ... skipped: it is made of Linux namespaces");
    println!("0 passed, 0 failed, 1 skipped");
    ExitCode::SUCCESS
}
