"""What a version says, asked by a process that reads its features from Redis: the same as the engine has it."""

from functools import partial
from pathlib import Path

import numpy as np

from millrace.adapters.redis.online import publish, read
from millrace.log.streams import codec_of
from millrace.serve.replica import Replica
from millrace.types import moment
from tests.adapters.private_redis import PrivateRedis
from tests.adapters.test_redis_replicas import until
from tests.operate.gallery import Ask, near, opened


def test_a_replica_reads_the_version_that_serves(tmp_path: Path, redis: PrivateRedis) -> None:
    with opened(tmp_path) as life:
        life.hours(3)
        engine = life.engine
        life.release({"ranker": life.publish("ranker"), "nearby": life.publish("nearby")})
        engine.lead(partial(publish, redis.url, engine.loaded))
        replica = Replica(engine.loaded, engine.home, read(redis.url, engine.loaded), patient=True)
        until(lambda: replica.view.cut().missed == [], "nothing was published")
        asked = codec_of(Ask).columns([Ask(id=f"q{n}", at=moment(life.now[0]), person=f"p{n}") for n in range(5)])
        for here, there in zip(engine.answer(asked), replica.answer(asked), strict=True):
            assert here.features == there.features
            assert np.isfinite(here.features[near.column]).all()
        replica.close()
