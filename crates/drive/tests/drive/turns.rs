//! Copies that wait for a place: in which order they get one.

use crate::world::{MIB, Owner, Reader, noise};
use lanyard_drive::consume::{Conflict, State};
use uuid::Uuid;

/// So slow that nothing is done while a test looks.
const SLOW: Option<u64> = Some(64 << 10);

async fn wait_in_line(reader: &Reader, owner: &Owner) -> Vec<Uuid> {
    let mut copies = Vec::new();
    for number in 0..5 {
        let name = format!("{number}.bin");
        owner.write(&name, &noise(4 * MIB, number));
        let id = reader.get(&name, Conflict::Refuse).await;
        reader.transfers.limit_one(id, SLOW).await.unwrap();
        // Whoever is begun in the same millisecond has no order.
        tokio::time::sleep(std::time::Duration::from_millis(2)).await;
        copies.push(id);
    }
    copies
}

fn states(reader: &Reader, copies: &[Uuid]) -> Vec<State> {
    copies.iter().map(|id| reader.transfers.get(*id).unwrap().state).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_that_is_put_first_begins_before_those_that_waited_longer_and_does_so_after_a_restart() {
    let owner = Owner::new();
    let mut reader = Reader::new(&owner);
    let copies = wait_in_line(&reader, &owner).await;
    for id in &copies[..2] {
        reader.until(*id, "the first two begin", |copy| copy.state == State::Running).await;
    }
    assert_eq!(states(&reader, &copies[2..]), [State::Waiting; 3], "two places with one device");
    reader.transfers.next(copies[4]).await.unwrap().expect("it is known");
    assert_eq!(states(&reader, &copies[2..]), [State::Waiting; 3], "nobody loses a place");
    reader.transfers.pause(copies[0]).await.unwrap();
    reader.until(copies[4], "the one that was put first", |copy| copy.state == State::Running).await;
    assert_eq!(states(&reader, &copies[2..4]), [State::Waiting; 2]);
    // The other one gives its place to the one that has waited longest.
    reader.transfers.pause(copies[1]).await.unwrap();
    reader.until(copies[2], "the third", |copy| copy.state == State::Running).await;

    reader.transfers.next(copies[3]).await.unwrap().expect("it is known");
    reader = reader.restart(&owner).await;
    for at in [3, 4] {
        reader.until(copies[at], "those that were put first", |copy| copy.state == State::Running).await;
    }
    let paused = State::Paused;
    assert_eq!(states(&reader, &copies[..3]), [paused, paused, State::Waiting], "a pause stays one");
    assert!(reader.transfers.next(Uuid::from_u128(7)).await.unwrap().is_none(), "nobody knows it");
}
