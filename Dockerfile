# The portal's image: docker build -t portal . ; docker run --env-file portal.env -p 8080:8080 portal [web|worker QUEUE|clock|migrate]
# A mirror of the package index is given by --build-arg PIP_INDEX_URL=…; every package is checked against its hash.
FROM python:3.11-slim AS build
ARG PIP_INDEX_URL
COPY requirements.txt docker/install /build/
RUN /build/install /opt/venv /build/requirements.txt

FROM python:3.11-slim
COPY --from=build /opt/venv /opt/venv
COPY . /app
WORKDIR /app
ENV PATH=/opt/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER 10001:10001
EXPOSE 8080
ENTRYPOINT ["docker/start"]
CMD ["web"]
