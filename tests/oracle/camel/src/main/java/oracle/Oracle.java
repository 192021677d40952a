package oracle;

import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.apache.camel.CamelContext;
import org.apache.camel.impl.DefaultCamelContext;
import org.apache.camel.util.json.JsonObject;
import org.apache.camel.util.json.Jsoner;

/**
 * Runs cases in Apache Camel: one JSON document per line on standard input, one answer per line on standard output, in
 * any order, found by their `id`. The first line says which Camel and Java this is. Ends with its input.
 */
public final class Oracle {
  /** Cases of which time is a part mostly wait, so many of them run at once; the others keep two processors busy. */
  private static final int TIMED_AT_ONCE = 48;

  private static final int AT_ONCE = 2;

  private final PrintStream answers;
  private final Heartbeat heartbeat;

  private Oracle(PrintStream answers, Heartbeat heartbeat) {
    this.answers = answers;
    this.heartbeat = heartbeat;
  }

  public static void main(String[] args) throws Exception {
    PrintStream answers = new PrintStream(System.out, true, StandardCharsets.UTF_8);
    // Whatever else writes to the output must not come between the answers.
    System.setOut(System.err);
    try (Heartbeat heartbeat = Heartbeat.start()) {
      new Oracle(answers, heartbeat).run();
    }
    System.exit(0);
  }

  private void run() throws Exception {
    say(versions());
    ExecutorService timed = Executors.newFixedThreadPool(TIMED_AT_ONCE);
    ExecutorService others = Executors.newFixedThreadPool(AT_ONCE);
    BufferedReader requests =
        new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    for (String line = requests.readLine(); line != null; line = requests.readLine()) {
      JsonObject request = (JsonObject) Jsoner.deserialize(line);
      (Json.number(request, "ticks") > 0 ? timed : others).execute(() -> say(answer(request)));
    }
    for (ExecutorService pool : new ExecutorService[] {timed, others}) pool.shutdownNow();
  }

  private JsonObject answer(JsonObject request) {
    JsonObject answer = new JsonObject();
    answer.put("id", request.get("id"));
    try {
      new Trial(request, heartbeat).run(answer);
    } catch (Throwable error) {
      answer.put("error", error.toString());
    }
    return answer;
  }

  private void say(JsonObject answer) {
    synchronized (answers) {
      answers.println(Jsoner.serialize(answer));
    }
  }

  private static JsonObject versions() throws Exception {
    JsonObject versions = new JsonObject();
    try (CamelContext context = new DefaultCamelContext()) {
      versions.put("camel", context.getVersion());
    }
    versions.put("java", System.getProperty("java.version"));
    return versions;
  }
}
