package oracle;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.apache.camel.CamelContext;
import org.apache.camel.Exchange;
import org.apache.camel.Processor;
import org.apache.camel.ProducerTemplate;
import org.apache.camel.impl.DefaultCamelContext;
import org.apache.camel.util.json.JsonArray;
import org.apache.camel.util.json.JsonObject;

/** One case, in a context of its own. */
final class Trial {
  private final JsonObject request;
  private final Heartbeat heartbeat;
  private final List<JsonObject> messages;
  private final long ticks;
  private final long tickMs;
  private final JsonArray seen = new JsonArray();
  private final String[] ends;
  private long startMs;
  private long latestMs;

  Trial(JsonObject request, Heartbeat heartbeat) {
    this.request = request;
    this.heartbeat = heartbeat;
    this.messages = Json.objects(request, "messages");
    this.ticks = Json.number(request, "ticks");
    this.tickMs = Json.number(request, "tickMs");
    this.ends = new String[messages.size()];
  }

  /** Puts into the answer what was seen, how each message ended, and how late it was where time matters. */
  void run(JsonObject answer) throws Exception {
    CamelContext context = new DefaultCamelContext();
    context.disableJMX();
    context.getShutdownStrategy().setTimeout(1);
    context.getShutdownStrategy().setTimeUnit(TimeUnit.SECONDS);
    context.getShutdownStrategy().setLogInflightExchangesOnTimeout(false);
    context.addRoutes(new Routes(Json.objects(request, "steps"), tickMs, this::see, this::begin));
    context.start();
    if (startMs == 0) begin();
    try (ProducerTemplate template = context.createProducerTemplate()) {
      if (ticks > 0) sendByTime(template);
      else for (int place = 0; place < messages.size(); place += 1) send(template, place);
      tell(answer, Json.isTrue(request, "stops") ? context : null);
    } finally {
      context.shutdown();
    }
  }

  /** The first tick is half a one later, so that what happens at an interval does so between two ticks. */
  private void begin() {
    startMs = Heartbeat.nowMs() + (2 * Json.number(request, "routeRuns") + 1) * tickMs / 2;
  }

  private void tell(JsonObject answer, CamelContext stopsFirst) {
    if (stopsFirst != null) stopsFirst.stop();
    synchronized (seen) {
      JsonArray copy = new JsonArray();
      copy.addAll(seen);
      answer.put("seen", copy);
    }
    JsonArray list = new JsonArray();
    for (String end : ends) list.add(end == null ? "open" : end);
    answer.put("ends", list);
    if (ticks > 0) answer.put("lateMs", Math.max(latestMs, heartbeat.worstSince(startMs)));
  }

  private void send(ProducerTemplate template, int place) {
    Object body = messages.get(place).get("body");
    Processor begin =
        exchange -> {
          exchange.getMessage().setBody(body);
          late(Json.number(messages.get(place), "at"));
        };
    Exchange done = template.send("direct:start", begin);
    if (ticks > 0) tick();
    ends[place] = done.isFailed() ? "failed" : "ended";
  }

  /** Each message at its tick, by a thread of its own, as a route may hold it. */
  private void sendByTime(ProducerTemplate template) throws InterruptedException {
    List<Thread> senders = new ArrayList<>();
    for (int place = 0; place < messages.size(); place += 1) {
      waitFor(Json.number(messages.get(place), "at"));
      int which = place;
      CountDownLatch began = new CountDownLatch(1);
      Thread sender =
          new Thread(
              () -> {
                began.countDown();
                send(template, which);
              });
      sender.setDaemon(true);
      sender.start();
      began.await();
      senders.add(sender);
    }
    waitFor(ticks);
    for (Thread sender : senders) sender.join(tickMs / 2);
  }

  private void waitFor(long tick) throws InterruptedException {
    long due = startMs + tick * tickMs;
    long left = due - Heartbeat.nowMs();
    if (left > 0) Thread.sleep(left);
  }

  private synchronized void late(long tick) {
    latestMs = Math.max(latestMs, Heartbeat.nowMs() - startMs - tick * tickMs);
  }

  /** Whatever happens does so at a tick or half a tick behind it. */
  private synchronized long tick() {
    long sinceMs = Heartbeat.nowMs() - startMs;
    latestMs = Math.max(latestMs, sinceMs % (tickMs / 2));
    return sinceMs / tickMs;
  }

  private void see(String at, Object body) {
    JsonObject one = new JsonObject();
    one.put("at", at);
    one.put("body", body);
    synchronized (seen) {
      if (ticks > 0) one.put("tick", tick());
      seen.add(one);
    }
  }
}
