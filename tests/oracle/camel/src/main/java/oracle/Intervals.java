package oracle;

import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.TimeUnit;

/** Runs what is to be done at an interval, and tells from when on that counts: a route takes a while to start. */
final class Intervals extends ScheduledThreadPoolExecutor {
  private final Runnable begins;

  Intervals(Runnable begins) {
    super(1);
    this.begins = begins;
  }

  @Override
  public ScheduledFuture<?> scheduleAtFixedRate(
      Runnable task, long initialDelay, long period, TimeUnit unit) {
    begins.run();
    return super.scheduleAtFixedRate(task, initialDelay, period, unit);
  }
}
