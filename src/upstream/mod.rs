//! Living upstreams: endpoint sets, balancing and connection pools. They outlive snapshots.
