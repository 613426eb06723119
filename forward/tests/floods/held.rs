//! Local sockets that take nothing. What is held for them is what the windows promised, however
//! many channels it comes on and in whatever pieces: never more memory than twice the book, and
//! one small chunk for each channel.

use adit_connection::Limits;
use adit_crypto::Provider;
use adit_testkit::dice::Dice;
use adit_testkit::scripted::{Role, string};
use adit_testkit::seeds;

use crate::app::{Asked, Takes};
use crate::flooded::{Flooded, number_at};
use crate::gauge::{Memory, NOISE_BYTES, alone};
use crate::kinds::Kind;

/// What a channel may take for what is held, whatever that is: a chunk, and the list that it is in.
const EACH: isize = 256 + 64;

/// A server of as many channels as there may be, and the numbers and windows of all of them.
fn full(provider: &'static Provider, limits: Limits) -> (Flooded, Vec<(u32, u32)>) {
    let mut flooded = Flooded::open_with(Role::Server, provider, limits);
    flooded.app.asked = Asked::Accept;
    let mut windows = Vec::new();
    let open = Kind::Open.payload(0);
    while flooded.app.open.len() + 1 < limits.max_channels as usize {
        flooded.peer.forget();
        let mut batch = Vec::new();
        for _ in 0..100 {
            flooded.seal(&open, &mut batch);
        }
        flooded.feed(&batch).unwrap();
        let confirmed = flooded.peer.heard.iter().filter(|heard| heard[0] == 91);
        windows.extend(confirmed.map(|heard| (number_at(heard, 5), number_at(heard, 9))));
    }
    flooded.peer.forget();
    flooded.app.takes = Takes::Nothing;
    (flooded, windows)
}

fn data(channel: u32, n: usize) -> Vec<u8> {
    [&[94][..], &channel.to_be_bytes(), &string(&vec![7; n])].concat()
}

fn a_byte_on_each_of_all_channels_takes_no_page_for_each(provider: &'static Provider) {
    let _alone = alone();
    let limits = Limits::SERVER;
    let (mut flooded, windows) = full(provider, limits);
    let memory = Memory::new();
    for part in windows.chunks(500) {
        let mut batch = Vec::new();
        for (channel, _) in part {
            flooded.seal(&data(*channel, 1), &mut batch);
        }
        flooded.feed(&batch).unwrap();
    }
    let most = windows.len() as isize * EACH + NOISE_BYTES;
    assert!(memory.grown() < most, "{} bytes", memory.grown());
    flooded.still_works();
    assert!(memory.grown() < NOISE_BYTES, "{} bytes", memory.grown());
}

fn every_window_filled_in_whatever_pieces_takes_twice_the_book_at_most(
    provider: &'static Provider,
) {
    let _alone = alone();
    let limits = Limits {
        max_channels: 1000,
        window_budget: 2 << 20,
    };
    seeds::each(2, 50, |seed| {
        let mut random = Dice::new(seed);
        let (mut flooded, mut windows) = full(provider, limits);
        let memory = Memory::new();
        let list = windows.len() * size_of::<(u32, u32)>();
        let most = 2 * limits.window_budget as isize + 1000 * EACH + NOISE_BYTES;
        let mut batch = Vec::with_capacity(1 << 20);
        while !windows.is_empty() {
            batch.clear();
            for _ in 0..500.min(windows.len()) {
                let at = random.below(windows.len());
                let (channel, left) = &mut windows[at];
                let piece = [1, 100, 255, 256, 257, 1000, 4096, 32_768];
                let n = (*left).min(random.pick(&piece));
                *left -= n;
                let payload = data(*channel, n as usize);
                if *left == 0 {
                    windows.swap_remove(at);
                }
                flooded.seal(&payload, &mut batch);
                if windows.is_empty() || batch.len() > 512 << 10 {
                    break;
                }
            }
            flooded.feed(&batch).unwrap();
            let grown = memory.grown() - (1 << 20) + list.cast_signed();
            assert!(grown < most, "{grown} bytes");
        }
        flooded.still_works();
    });
}

adit_testkit::on_every_provider! {
    a_byte_on_each_of_all_channels_takes_no_page_for_each
    every_window_filled_in_whatever_pieces_takes_twice_the_book_at_most
}
