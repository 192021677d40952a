package oracle;

import java.util.concurrent.ConcurrentSkipListMap;

/** Knows how late this process ran a thread that wanted to run, so that what was judged by time can be judged again. */
final class Heartbeat implements AutoCloseable {
  private static final long BEAT_MS = 5;
  private static final long KEPT_MS = 120_000;

  private final ConcurrentSkipListMap<Long, Long> delays = new ConcurrentSkipListMap<>();
  private final Thread thread = new Thread(this::beat, "heartbeat");

  static Heartbeat start() {
    Heartbeat heartbeat = new Heartbeat();
    heartbeat.thread.setDaemon(true);
    heartbeat.thread.start();
    return heartbeat;
  }

  static long nowMs() {
    return System.nanoTime() / 1_000_000;
  }

  private void beat() {
    long due = nowMs() + BEAT_MS;
    while (!thread.isInterrupted()) {
      try {
        Thread.sleep(Math.max(0, due - nowMs()));
      } catch (InterruptedException end) {
        return;
      }
      long now = nowMs();
      if (now - due > BEAT_MS) delays.put(now, now - due);
      delays.headMap(now - KEPT_MS).clear();
      due = now + BEAT_MS;
    }
  }

  /** The longest delay since a moment. */
  long worstSince(long sinceMs) {
    return delays.tailMap(sinceMs).values().stream().mapToLong(Long::longValue).max().orElse(0);
  }

  @Override
  public void close() {
    thread.interrupt();
  }
}
