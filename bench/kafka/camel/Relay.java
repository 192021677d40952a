import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.apache.camel.Exchange;
import org.apache.camel.builder.RouteBuilder;
import org.apache.camel.component.kafka.KafkaConstants;
import org.apache.camel.main.Main;

/**
 * From topic to topic in Apache Camel: JSON in, filter, map, JSON out. A consumer per partition. By itself a record at a
 * time, its place committed once the next poll finds all of the last one done; with CAMEL_BATCHES a poll's records at once,
 * whose places are committed by hand when the brokers have what was made of them.
 */
public final class Relay {
    private static final String FROM = env("FROM_TOPIC");
    private static final String TO = env("TO_TOPIC");
    private static final boolean BATCHES = "true".equals(System.getenv("CAMEL_BATCHES"));

    public static void main(String[] args) throws Exception {
        Main main = new Main();
        main.configure().addRoutesBuilder(new RouteBuilder() {
            @Override
            public void configure() {
                if (BATCHES) batches(this);
                else single(this);
            }
        });
        main.addMainListener(new org.apache.camel.main.MainListenerSupport() {
            @Override
            public void afterStart(org.apache.camel.main.BaseMainSupport started) {
                System.out.println("{\"ready\":true,\"ports\":[]}");
                System.out.flush();
            }
        });
        main.run();
    }

    private static String consumer() {
        return "kafka:" + FROM + "?brokers=" + env("KAFKA_BROKERS") + "&groupId=" + env("GROUP")
            + "&autoOffsetReset=earliest&consumersCount=" + env("PARTITIONS");
    }

    private static String producer() {
        return "kafka:" + TO + "?brokers=" + env("KAFKA_BROKERS") + "&requestRequiredAcks=all&enableIdempotence=true";
    }

    private static void single(RouteBuilder route) {
        route.from(consumer())
            .unmarshal().json(Map.class)
            .filter(exchange -> !"XXX".equals(exchange.getIn().getBody(Map.class).get("currency")))
                .process(exchange -> exchange.getIn().setBody(shipment(exchange.getIn().getBody(Map.class))))
                .marshal().json()
                .removeHeader(KafkaConstants.PARTITION_KEY)
                .to(producer())
            .end();
    }

    private static void batches(RouteBuilder route) {
        com.fasterxml.jackson.databind.ObjectMapper json = new com.fasterxml.jackson.databind.ObjectMapper();
        route.from(consumer() + "&batching=true&maxPollRecords=1000&allowManualCommit=true&autoCommitEnable=false")
            .process(batch -> {
                List<Exchange> made = new ArrayList<>();
                for (Object each : batch.getIn().getBody(List.class)) {
                    Exchange record = (Exchange) each;
                    Map<?, ?> order = json.readValue(record.getIn().getBody(String.class), Map.class);
                    if ("XXX".equals(order.get("currency"))) continue;
                    record.getIn().setBody(json.writeValueAsString(shipment(order)));
                    record.getIn().removeHeader(KafkaConstants.PARTITION_KEY);
                    made.add(record);
                }
                List<?> records = batch.getIn().getBody(List.class);
                batch.setProperty("last", records.get(records.size() - 1));
                batch.getIn().setBody(made);
            })
            .to(producer())
            .process(batch -> {
                Exchange last = batch.getProperty("last", Exchange.class);
                last.getIn().getHeader(KafkaConstants.MANUAL_COMMIT,
                    org.apache.camel.component.kafka.consumer.KafkaManualCommit.class).commit();
            });
    }

    private static Map<String, Object> shipment(Map<?, ?> order) {
        double total = 0;
        List<Map<String, Object>> items = new ArrayList<>();
        for (Object each : (List<?>) order.get("lines")) {
            Map<?, ?> line = (Map<?, ?>) each;
            int quantity = ((Number) line.get("quantity")).intValue();
            total += quantity * ((Number) line.get("price")).doubleValue();
            Map<String, Object> item = new LinkedHashMap<>();
            item.put("sku", line.get("sku"));
            item.put("label", quantity + " x " + ((String) line.get("title")).toUpperCase());
            item.put("quantity", quantity);
            items.add(item);
        }
        Map<?, ?> customer = (Map<?, ?>) order.get("customer");
        Map<String, Object> shipment = new LinkedHashMap<>();
        shipment.put("id", order.get("id"));
        shipment.put("at", order.get("at"));
        shipment.put("to", customer.get("name") + ", " + customer.get("city"));
        shipment.put("currency", order.get("currency"));
        shipment.put("total", Math.round(total * 100) / 100.0);
        shipment.put("items", items);
        shipment.put("note", ((String) order.get("note")).strip());
        return shipment;
    }

    private static String env(String name) {
        String value = System.getenv(name);
        if (value == null || value.isEmpty()) throw new IllegalStateException(name + " is not set");
        return value;
    }
}
