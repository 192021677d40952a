package oracle;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import org.apache.camel.Exchange;
import org.apache.camel.util.json.JsonArray;
import org.apache.camel.util.json.JsonObject;

/** What steps do to a message's body. A body is never changed, as exchanges share it. */
final class Bodies {
  private Bodies() {}

  @SuppressWarnings("unchecked")
  static Map<String, Object> of(Exchange exchange) {
    return (Map<String, Object>) exchange.getMessage().getBody();
  }

  static long n(Exchange exchange) {
    return Json.number(of(exchange), "n");
  }

  static void set(Exchange exchange, String name, Object value) {
    exchange.getMessage().setBody(Json.with(of(exchange), name, value));
  }

  static void mark(Exchange exchange, String with) {
    set(exchange, "trail", Json.and(Json.list(of(exchange), "trail"), with));
  }

  /** Whether a test is true of a number. */
  static boolean holds(JsonObject test, long n) {
    if (test.containsKey("below")) return n < Json.number(test, "below");
    long rest = Math.floorMod(n, Json.number(test, "mod"));
    if (has(test, "throws", rest)) throw new IllegalStateException("a test that throws");
    return has(test, "of", rest);
  }

  private static boolean has(JsonObject test, String name, long rest) {
    return Json.list(test, name).stream().anyMatch(each -> ((Number) each).longValue() == rest);
  }

  /** The bodies of a message's items. */
  static List<JsonObject> parts(Map<String, Object> body) {
    List<JsonObject> parts = new ArrayList<>();
    for (Object item : Json.list(body, "items")) {
      JsonObject part = Json.with(body, "id", Json.text(body, "id") + "." + parts.size());
      part.put("n", item);
      part.put("items", new JsonArray());
      part.put("trail", new JsonArray());
      parts.add(part);
    }
    return parts;
  }

  /** What is kept of a part or a copy for a join. */
  static JsonObject answer(Map<String, Object> body) {
    JsonObject answer = new JsonObject();
    answer.put("n", body.get("n"));
    answer.put("trail", body.get("trail"));
    return answer;
  }

  static Comparator<Object> order(Object by) {
    Comparator<Object> up = Comparator.comparingLong(each -> ((Number) each).longValue());
    if (by instanceof JsonObject rule) {
      long mod = Json.number(rule, "mod");
      return Comparator.comparingLong(each -> Math.floorMod(((Number) each).longValue(), mod));
    }
    return "down".equals(by) ? up.reversed() : up;
  }
}
