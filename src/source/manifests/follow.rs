pub async fn follow() {}
