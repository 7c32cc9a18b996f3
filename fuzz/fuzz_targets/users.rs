//! Lists of users as Secrets hold them: no input panics, lists are bounded, nothing of a hash is printed, and what is kept of a
//! hash reads as the same hash.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tidegate::model::{PasswordHash, UserList};

fuzz_target!(|input: &[u8]| {
    let file = UserList::of_file(input);
    let map = UserList::of_map(std::iter::once(("user", input)));
    for list in [file, map] {
        assert!(list.users.len() <= 10_000 && list.faults.len() <= 10 && list.faults.len() <= list.fault_count);
        for (name, hash) in list.users.iter() {
            assert!(!name.is_empty() && hash.parts().is_some());
            assert_eq!(list.users.hash_of(name), Some(hash));
            assert_eq!(PasswordHash::parse(hash.text()).as_ref(), Ok(hash));
        }
        assert_eq!(format!("{:?}", list.users), format!("Users({})", list.users.len()));
    }
});
